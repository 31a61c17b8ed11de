using System.Text.Json.Nodes;

namespace Merganser.Neural.Models;

/// <summary>The sizes of a BERT, RoBERTa or XLM-R, with the defaults of the published files.</summary>
public sealed record BertShape
{
    /// <summary>The width of the hidden states.</summary>
    public required int Width { get; init; }

    /// <summary>The width inside the feed-forward net.</summary>
    public required int Intermediate { get; init; }

    /// <summary>The number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of heads.</summary>
    public required int Heads { get; init; }

    /// <summary>The number of token ids.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The rows of the position table.</summary>
    public required int Positions { get; init; }

    /// <summary>The number of segments.</summary>
    public required int Types { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>RoBERTa and XLM-R: positions count real tokens and start behind the padding id; heads are built differently.</summary>
    public required bool IsRoberta { get; init; }

    /// <summary>The id of padding.</summary>
    public required int Padding { get; init; }

    /// <summary>The number of classes of a classifier.</summary>
    public required int Labels { get; init; }

    /// <summary>The most tokens of a row.</summary>
    public int MaxTokens => IsRoberta ? Positions - Padding - 1 : Positions;

    /// <summary>Reads config.json.</summary>
    /// <exception cref="MerganserException">A value is missing, of a wrong type, or does not fit another.</exception>
    public static BertShape Read(ModelConfig config)
    {
        bool roberta = config.Text("model_type", "bert") is "roberta" or "xlm-roberta";
        int width = config.Size("hidden_size"), heads = config.Size("num_attention_heads");
        if (width % heads != 0)
            throw config.Wrong("num_attention_heads", $"a divisor of hidden_size, {width}");
        if (config.Text("position_embedding_type", "absolute") != "absolute")
            throw config.Wrong("position_embedding_type", "absolute");
        if (config.Flag("is_decoder", false))
            throw config.Wrong("is_decoder", "false: this architecture is an encoder here");
        int padding = config.Int("pad_token_id", roberta ? 1 : 0), positions = config.Size("max_position_embeddings", 512);
        if (roberta && (padding < 0 || padding > positions - 2))
            throw config.Wrong("pad_token_id", $"0 to {positions - 2}: positions start behind it");
        return new BertShape
        {
            Width = width,
            Intermediate = config.Size("intermediate_size"),
            Layers = config.Size("num_hidden_layers"),
            Heads = heads,
            Vocabulary = config.Size("vocab_size"),
            Positions = positions,
            Types = config.Size("type_vocab_size", 2),
            Epsilon = config.Number("layer_norm_eps", 1e-12),
            IsRoberta = roberta,
            Padding = padding,
            Labels = config.Document["id2label"] is JsonObject { Count: > 0 } labels ? labels.Count : config.Size("num_labels", 2),
        };
    }
}
