namespace Merganser.Neural.Models;

/// <summary>The sizes and switches of the Llama family, with each member's defaults.</summary>
public sealed record LlamaShape
{
    private IReadOnlyList<string> LayerTypes { get; init; } = [];

    /// <summary>The width of the hidden states.</summary>
    public required int Width { get; init; }

    /// <summary>The width inside the feed-forward net.</summary>
    public required int Intermediate { get; init; }

    /// <summary>The number of layers.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>The number of key and value heads.</summary>
    public required int KeyHeads { get; init; }

    /// <summary>The width of a head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Queries, keys and values have biases.</summary>
    public bool QkvBias { get; init; }

    /// <summary>The output of the attention has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>The feed-forward net has biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Queries and keys are normalised per head (Qwen3).</summary>
    public bool HeadNorm { get; init; }

    /// <summary>The sliding window, if any layer has one.</summary>
    public int? SlidingWindow { get; init; }

    /// <summary>Layers from here on have the window.</summary>
    public int FirstSlidingLayer { get; init; }

    /// <summary>The window of a layer.</summary>
    public int? Window(int layer) => SlidingWindow is not { } window ? null
        : LayerTypes.Count > 0 ? (LayerTypes[layer] == "sliding_attention" ? window : null)
        : layer >= FirstSlidingLayer ? window : null;

    /// <summary>Reads config.json.</summary>
    /// <exception cref="MerganserException">A value is missing, of a wrong type, or does not fit another.</exception>
    public static LlamaShape Read(ModelConfig config)
    {
        string family = config.Text("model_type", "llama");
        int width = config.Size("hidden_size"), heads = config.Size("num_attention_heads"), keyHeads = config.Size("num_key_value_heads", heads), layers = config.Size("num_hidden_layers");
        if (heads % keyHeads != 0)
            throw config.Wrong("num_key_value_heads", $"a divisor of num_attention_heads, {heads}");
        int headDim = config.Size("head_dim", family == "qwen3" ? 128 : Math.Max(1, width / heads));
        bool attentionBias = config.Flag("attention_bias", false);
        IReadOnlyList<string> types = config.Texts("layer_types");
        if (types.Count > 0 && types.Count != layers)
            throw config.Wrong("layer_types", $"{layers} entries");
        bool qwen = family is "qwen2" or "qwen3";
        int? window = family switch
        {
            "mistral" => config.Document.ContainsKey("sliding_window") ? config.OptionalInt("sliding_window") : 4096,
            "qwen2" or "qwen3" when config.Flag("use_sliding_window", false) => config.OptionalInt("sliding_window") ?? 4096,
            _ => null,
        };
        if (window is <= 0)
            throw config.Wrong("sliding_window", "a positive whole number");
        return new LlamaShape
        {
            Width = width,
            Intermediate = config.Size("intermediate_size"),
            Layers = layers,
            Heads = heads,
            KeyHeads = keyHeads,
            HeadDim = headDim,
            Epsilon = config.Number("rms_norm_eps", 1e-6),
            QkvBias = family == "qwen2" || attentionBias,
            OutputBias = family is "llama" or "qwen3" && attentionBias,
            MlpBias = family == "llama" && config.Flag("mlp_bias", false),
            HeadNorm = family == "qwen3",
            SlidingWindow = window,
            FirstSlidingLayer = qwen ? config.Int("max_window_layers", 28) : 0,
            LayerTypes = qwen ? types : [],
        };
    }
}
