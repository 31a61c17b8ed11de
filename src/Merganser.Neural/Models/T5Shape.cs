using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>The sizes and switches of a T5, with the defaults of the published files.</summary>
public sealed record T5Shape
{
    /// <summary>The width of the hidden states.</summary>
    public required int Width { get; init; }

    /// <summary>The width inside the feed-forward net.</summary>
    public required int Intermediate { get; init; }

    /// <summary>The number of layers of the encoder.</summary>
    public required int EncoderLayers { get; init; }

    /// <summary>The number of layers of the decoder.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>The number of heads.</summary>
    public required int Heads { get; init; }

    /// <summary>The width of a head; heads × width need not be the width of the hidden states.</summary>
    public required int HeadDim { get; init; }

    /// <summary>The number of token ids.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The buckets of relative positions.</summary>
    public required int Buckets { get; init; }

    /// <summary>The distance from which on all positions share a bucket.</summary>
    public required int MaxDistance { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>The feed-forward net is act(wi_0 x) ∘ wi_1 x, not act(wi x).</summary>
    public required bool IsGated { get; init; }

    /// <summary>Hidden states are multiplied by D^−½ before the head.</summary>
    public required bool ScalesOutput { get; init; }

    /// <summary>The activation of the feed-forward net.</summary>
    internal Func<Tensor, Tensor> Activation { get; private init; } = static x => x.relu();

    /// <summary>Reads config.json.</summary>
    /// <exception cref="MerganserException">A value is missing, of a wrong type, or does not fit another.</exception>
    public static T5Shape Read(ModelConfig config)
    {
        int layers = config.Size("num_layers", 6), buckets = config.Size("relative_attention_num_buckets", 32), distance = config.Size("relative_attention_max_distance", 128);
        if (buckets < 4 || buckets % 2 != 0)
            throw config.Wrong("relative_attention_num_buckets", "an even number of at least 4");
        if (distance <= buckets / 2)
            throw config.Wrong("relative_attention_max_distance", $"more than half of the buckets, {buckets / 2}");
        string feedForward = config.Text("feed_forward_proj", "relu");
        bool gated = feedForward.StartsWith("gated-", StringComparison.Ordinal);
        // Only gated-gelu means the tanh form; plain gelu is the exact one.
        Func<Tensor, Tensor>? activation = feedForward == "gated-gelu" ? Layers.Activation.GeluTanh : Layers.Activation.Find(gated ? feedForward["gated-".Length..] : feedForward);
        return new T5Shape
        {
            Width = config.Size("d_model", 512),
            Intermediate = config.Size("d_ff", 2048),
            EncoderLayers = layers,
            DecoderLayers = config.Size("num_decoder_layers", layers),
            Heads = config.Size("num_heads", 8),
            HeadDim = config.Size("d_kv", 64),
            Vocabulary = config.Size("vocab_size"),
            Buckets = buckets,
            MaxDistance = distance,
            Epsilon = config.Number("layer_norm_epsilon", 1e-6),
            IsGated = gated,
            ScalesOutput = config.Flag("scale_decoder_outputs", config.Flag("tie_word_embeddings", true)),
            Activation = activation ?? throw config.Wrong("feed_forward_proj", $"{Layers.Activation.Names}, plain or after 'gated-'"),
        };
    }
}
