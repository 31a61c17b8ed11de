namespace Merganser.Neural.Models;

/// <summary>The sizes of a Whisper, with the defaults of its configuration. The heads of encoder and decoder may differ.</summary>
public sealed record WhisperShape
{
    /// <summary>The width of the hidden states.</summary>
    public required int Width { get; init; }

    /// <summary>The mel bands of a frame.</summary>
    public required int MelBins { get; init; }

    /// <summary>The tokens of the encoder, half as many as frames.</summary>
    public required int SourcePositions { get; init; }

    /// <summary>The most tokens of the decoder.</summary>
    public required int TargetPositions { get; init; }

    /// <summary>The number of layers of the encoder.</summary>
    public required int EncoderLayers { get; init; }

    /// <summary>The number of heads of the encoder.</summary>
    public required int EncoderHeads { get; init; }

    /// <summary>The width inside the encoder's feed-forward nets.</summary>
    public required int EncoderIntermediate { get; init; }

    /// <summary>The number of layers of the decoder.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>The number of heads of the decoder.</summary>
    public required int DecoderHeads { get; init; }

    /// <summary>The width inside the decoder's feed-forward nets.</summary>
    public required int DecoderIntermediate { get; init; }

    /// <summary>The number of token ids.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="MerganserException">A value is of a wrong type or does not fit another.</exception>
    public static WhisperShape Read(ModelConfig config)
    {
        int width = config.Size("d_model", 384);
        return new WhisperShape
        {
            Width = width,
            MelBins = config.Size("num_mel_bins", 80),
            SourcePositions = config.Size("max_source_positions", 1500),
            TargetPositions = config.Size("max_target_positions", 448),
            EncoderLayers = config.Size("encoder_layers", 4),
            EncoderHeads = Heads("encoder_attention_heads"),
            EncoderIntermediate = config.Size("encoder_ffn_dim", 1536),
            DecoderLayers = config.Size("decoder_layers", 4),
            DecoderHeads = Heads("decoder_attention_heads"),
            DecoderIntermediate = config.Size("decoder_ffn_dim", 1536),
            Vocabulary = config.Size("vocab_size", 51865),
        };

        int Heads(string key)
        {
            int heads = config.Size(key, 6);
            return width % heads == 0 ? heads : throw config.Wrong(key, $"a divisor of d_model, {width}");
        }
    }
}
