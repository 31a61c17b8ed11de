using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Merganser.Checkpoints.Gguf;

/// <summary>Reads from config.json what llama.cpp wants to know of a model, and writes it as metadata.</summary>
internal sealed class GgufHyperparameters
{
    private readonly ModelFolder _model;
    private readonly GgufFamily _family;

    public GgufHyperparameters(ModelFolder model, GgufFamily family)
    {
        _model = model;
        _family = family;
        Hidden = Required("hidden_size");
        Heads = Required("num_attention_heads");
        KeyValueHeads = model.GetConfigInt("num_key_value_heads") ?? Heads;
        if (Heads == 0 || KeyValueHeads == 0)
            throw new MerganserException($"{model.Path}: config.json says a model without attention heads");
        HeadSize = model.GetConfigInt("head_dim") ?? Hidden / Heads;
    }

    public int Hidden { get; }

    public int Heads { get; }

    public int KeyValueHeads { get; }

    public int HeadSize { get; }

    /// <summary>Writes the keys of the family.</summary>
    public void Write(GgufMetadata metadata, int layers, int rows)
    {
        string family = _family.Name;
        metadata.Add($"{family}.context_length", (uint)Required("max_position_embeddings"));
        metadata.Add($"{family}.embedding_length", (uint)Hidden);
        metadata.Add($"{family}.block_count", (uint)layers);
        metadata.Add($"{family}.feed_forward_length", (uint)Required("intermediate_size"));
        metadata.Add($"{family}.attention.head_count", (uint)Heads);
        metadata.Add($"{family}.attention.head_count_kv", (uint)KeyValueHeads);
        metadata.Add($"{family}.attention.key_length", (uint)HeadSize);
        metadata.Add($"{family}.attention.value_length", (uint)HeadSize);
        metadata.Add($"{family}.attention.layer_norm_rms_epsilon", Number("rms_norm_eps") ?? 1e-6f);
        metadata.Add($"{family}.rope.dimension_count", (uint)HeadSize);
        metadata.Add($"{family}.rope.freq_base", RopeNumber("rope_theta") ?? Number("rope_theta") ?? 10_000f);
        metadata.Add($"{family}.vocab_size", (uint)rows);
        if (_family.HasSandwichNorms && _model.GetConfigInt("sliding_window") is { } window)
            metadata.Add($"{family}.attention.sliding_window", (uint)window);
        if (Number("attn_logit_softcapping") is { } attention)
            metadata.Add($"{family}.attn_logit_softcapping", attention);
        if (Number("final_logit_softcapping") is { } final)
            metadata.Add($"{family}.final_logit_softcapping", final);
        WriteRopeScaling(metadata);
    }

    /// <summary>
    /// The divisors of the rotary frequencies for Llama 3.1's scaling, one for each pair of a head; null without it. Wavelengths below
    /// context/high keep their frequency, those above context/low are slowed by the factor, in between it is interpolated.
    /// </summary>
    public float[]? RopeFactors()
    {
        if (RopeType != "llama3")
            return null;
        double theta = RopeNumber("rope_theta") ?? Number("rope_theta") ?? 10_000f;
        double factor = RopeNumber("factor") ?? 8;
        double low = RopeNumber("low_freq_factor") ?? 1;
        double high = RopeNumber("high_freq_factor") ?? 4;
        double context = RopeNumber("original_max_position_embeddings") ?? 8192;
        float[] factors = new float[HeadSize / 2];
        for (int i = 0; i < factors.Length; i++)
        {
            double wavelength = 2 * Math.PI * Math.Pow(theta, 2.0 * i / HeadSize);
            double smooth = (context / wavelength - low) / (high - low);
            factors[i] = wavelength < context / high ? 1f
                : wavelength > context / low ? (float)factor
                : (float)(1 / ((1 - smooth) / factor + smooth));
        }

        return factors;
    }

    private string? RopeType => (Rope("rope_type") ?? Rope("type")) is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private void WriteRopeScaling(GgufMetadata metadata)
    {
        switch (RopeType)
        {
            case null or "default" or "llama3":
                return;
            case "linear" or "yarn":
                metadata.Add($"{_family.Name}.rope.scaling.type", RopeType);
                metadata.Add($"{_family.Name}.rope.scaling.factor", RopeNumber("factor") ?? 1f);
                if (RopeType == "yarn" && RopeNumber("original_max_position_embeddings") is { } original)
                    metadata.Add($"{_family.Name}.rope.scaling.original_context_length", (uint)original);
                return;
            default:
                throw new MerganserException($"{_model.Path}: llama.cpp has no rotary scaling '{RopeType}'; set rope_scaling to null in config.json if the original context is enough");
        }
    }

    private JsonNode? Rope(string key) => _model.GetConfig($"rope_parameters.{key}") ?? _model.GetConfig($"rope_scaling.{key}");

    private float? RopeNumber(string key) => AsNumber(Rope(key), $"rope_parameters.{key}");

    private float? Number(string key) => AsNumber(_model.GetConfig(key), key);

    private float? AsNumber(JsonNode? node, string key)
    {
        if (node is null)
            return null;
        return node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && float.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out float number) && float.IsFinite(number)
            ? number
            : throw new MerganserException($"{_model.Path}: config.json: '{key}' must be a number");
    }

    private int Required(string key) => _model.GetConfigInt(key) ?? throw new MerganserException($"{_model.Path}: config.json has no '{key}', which GGUF needs");
}
