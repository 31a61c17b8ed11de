using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Weights.Moe;

/// <summary>The activation of a gated feed-forward layer.</summary>
internal enum GateActivation
{
    Silu,
    Gelu,
    GeluTanh,
}

/// <summary>
/// What the configuration of a Llama, Mistral, Qwen2 or Qwen3 model says about its layers. Both spellings are read:
/// <c>rope_parameters</c>, and the older <c>rope_theta</c> with <c>rope_scaling</c>.
/// </summary>
internal sealed record CausalShape
{
    private const int MostHeads = 1 << 16;

    public required int Hidden { get; init; }

    public required int Heads { get; init; }

    public required int KeyHeads { get; init; }

    public required int HeadWidth { get; init; }

    public required float Epsilon { get; init; }

    public required GateActivation Activation { get; init; }

    /// <summary>For each layer, how many tokens back a token sees (itself included); 0 for all.</summary>
    public required ImmutableArray<int> Windows { get; init; }

    public required RotaryRule Rotary { get; init; }

    public int Layers => Windows.Length;

    /// <exception cref="MerganserException">The model is of another kind, or a value of its configuration cannot be used.</exception>
    public static CausalShape Read(ModelFolder folder, int layers, int hidden)
    {
        string type = folder.ModelType ?? "";
        if (type is not ("llama" or "mistral" or "qwen2" or "qwen3"))
            throw new MerganserException($"{folder.Path}: hidden states can be computed for llama, mistral, qwen2 and qwen3 models, not for model_type '{type}'; set gate_mode to cheap_embed, random or uniform_random");
        int heads = Bounded(folder, "num_attention_heads", null);
        int keyHeads = Bounded(folder, "num_key_value_heads", heads);
        if (type != "qwen3" && folder.GetConfigInt("head_dim") is null && hidden % heads != 0)
            throw Bad(folder, "num_attention_heads", $"does not divide the width {hidden}");
        int width = Bounded(folder, "head_dim", type == "qwen3" ? 128 : hidden / heads);
        if (heads % keyHeads != 0)
            throw Bad(folder, "num_key_value_heads", $"must divide the number of heads, {heads}");
        return new CausalShape
        {
            Hidden = hidden,
            Heads = heads,
            KeyHeads = keyHeads,
            HeadWidth = width,
            Epsilon = (float)Number(folder, "rms_norm_eps", 1e-6, smallest: 0),
            Activation = folder.GetConfigString("hidden_act") switch
            {
                null or "silu" => GateActivation.Silu,
                "gelu" => GateActivation.Gelu,
                "gelu_pytorch_tanh" => GateActivation.GeluTanh,
                string other => throw Bad(folder, "hidden_act", $"is '{other}'; known are silu, gelu and gelu_pytorch_tanh"),
            },
            Windows = [.. Enumerable.Range(0, layers).Select(layer => Window(folder, type, layer))],
            Rotary = RotaryRule.Read(folder, width),
        };
    }

    public static MerganserException Bad(ModelFolder folder, string key, string what) =>
        new($"{Path.Combine(folder.Path, "config.json")}: '{key}' {what}");

    /// <summary>A finite number of the configuration that is larger than <paramref name="smallest"/>.</summary>
    public static double Number(ModelFolder folder, string key, double fallback, double smallest = double.NegativeInfinity)
    {
        JsonNode? node = folder.GetConfig(key);
        if (node is null)
            return fallback;
        return node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out double number) && double.IsFinite(number) && number > smallest
            ? number
            : throw Bad(folder, key, string.Create(CultureInfo.InvariantCulture, $"must be a finite number{(double.IsFinite(smallest) ? $" over {smallest}" : "")}"));
    }

    private static int Bounded(ModelFolder folder, string key, int? fallback)
    {
        int value = folder.GetConfigInt(key) ?? fallback ?? throw Bad(folder, key, "is missing");
        return value is >= 1 and <= MostHeads ? value : throw Bad(folder, key, $"must be from 1 to {MostHeads}");
    }

    private static int Window(ModelFolder folder, string type, int layer)
    {
        if (type == "llama")
            return 0;
        bool stated = folder.Config.ContainsKey("sliding_window");
        int window = folder.GetConfigInt("sliding_window") ?? (type == "mistral" && !stated ? 4096 : 0);
        if (type == "mistral" || window == 0)
            return window;
        if (!(folder.GetConfigBool("use_sliding_window") ?? false))
            return 0;
        if (folder.GetConfig("layer_types") is JsonArray types && layer < types.Count)
            return types[layer] is JsonValue value && value.TryGetValue(out string? kind) && kind == "sliding_attention" ? window : 0;
        return layer >= (folder.GetConfigInt("max_window_layers") ?? 28) ? window : 0;
    }
}
