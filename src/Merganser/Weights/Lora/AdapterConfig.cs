using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Merganser.Weights.Lora;

/// <summary>What adapter_config.json says of an adapter, as far as it changes the merged weights.</summary>
internal sealed class AdapterConfig
{
    /// <summary>The name of the file beside the adapter's tensors.</summary>
    public const string FileName = "adapter_config.json";

    private const long MaxFileBytes = 16 << 20;

    private static readonly SearchValues<char> RegexCharacters = SearchValues.Create("\\*+?|{}[]()^$");

    private readonly string _path;
    private readonly double _rank;
    private readonly double _alpha;
    private readonly List<(string Pattern, Regex? Regex, double Value)> _ranks;
    private readonly List<(string Pattern, Regex? Regex, double Value)> _alphas;

    private AdapterConfig(string path, JsonObject json)
    {
        _path = path;
        string kind = Text(json, "peft_type") ?? "LORA";
        if (!kind.Equals("LORA", StringComparison.OrdinalIgnoreCase))
            throw new MerganserException($"{path}: 'peft_type' is '{kind}'; only LORA adapters can be added to a model");
        _rank = Number(json["r"], "r") ?? throw new MerganserException($"{path}: 'r' (the rank) is missing");
        _alpha = Number(json["lora_alpha"], "lora_alpha") ?? throw new MerganserException($"{path}: 'lora_alpha' is missing");
        RankStabilised = Switch(json, "use_rslora");
        FanInFanOut = Switch(json, "fan_in_fan_out");
        _ranks = Patterns(json, "rank_pattern");
        _alphas = Patterns(json, "alpha_pattern");
        if (_rank < 1 || _ranks.Exists(entry => entry.Value < 1))
            throw new MerganserException($"{path}: a rank is below 1");
    }

    /// <summary>True when the stored matrices are (in, out), as GPT-2's are.</summary>
    public bool FanInFanOut { get; }

    /// <summary>True when the scale is alpha/√r instead of alpha/r (rsLoRA, arXiv 2312.03732).</summary>
    public bool RankStabilised { get; }

    /// <summary>Reads the file of an adapter's folder.</summary>
    public static AdapterConfig Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            throw new MerganserException($"{path}: not found; an adapter is a folder with {FileName} and adapter_model.safetensors");
        try
        {
            if (new FileInfo(path).Length > MaxFileBytes)
                throw new MerganserException($"{path}: is over {MaxFileBytes >> 20} MiB; that is no adapter configuration");
            using FileStream stream = File.OpenRead(path);
            return JsonNode.Parse(stream, documentOptions: new JsonDocumentOptions { MaxDepth = 32 }) is JsonObject json
                ? new AdapterConfig(path, json)
                : throw new MerganserException($"{path}: holds no JSON object");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>The rank of a module: that of the first pattern that matches, else <c>r</c>.</summary>
    public double RankOf(string module) => Find(_ranks, module) ?? _rank;

    /// <summary>The factor of B·A in a module.</summary>
    public double ScaleOf(string module)
    {
        double alpha = Find(_alphas, module) ?? _alpha;
        double rank = RankOf(module);
        return alpha / (RankStabilised ? Math.Sqrt(rank) : rank);
    }

    private static double? Find(List<(string Pattern, Regex? Regex, double Value)> patterns, string module)
    {
        foreach ((string pattern, Regex? regex, double value) in patterns)
        {
            if (regex is not null ? regex.IsMatch(module) : IsSuffix(pattern, module))
                return value;
        }

        return null;
    }

    /// <summary>True when the pattern is the name or its last parts.</summary>
    private static bool IsSuffix(string pattern, string module) =>
        module.EndsWith(pattern, StringComparison.Ordinal)
        && (module.Length == pattern.Length || module[^(pattern.Length + 1)] == '.');

    private static string? Text(JsonObject json, string key) => json[key] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private bool Switch(JsonObject json, string key) => json[key] switch
    {
        null => false,
        JsonValue value when value.TryGetValue(out bool on) => on,
        _ => throw new MerganserException($"{_path}: '{key}' is neither true nor false"),
    };

    private double? Number(JsonNode? node, string key) => node switch
    {
        null => null,
        JsonValue value when value.TryGetValue(out double number) && double.IsFinite(number) => number,
        _ => throw new MerganserException($"{_path}: '{key}' is not a number"),
    };

    private List<(string, Regex?, double)> Patterns(JsonObject json, string key)
    {
        var result = new List<(string, Regex?, double)>();
        if (json[key] is null)
            return result;
        if (json[key] is not JsonObject map)
            throw new MerganserException($"{_path}: '{key}' is not an object");
        foreach ((string pattern, JsonNode? value) in map)
        {
            double number = Number(value, $"{key}.{pattern}") ?? throw new MerganserException($"{_path}: '{key}.{pattern}' is null");
            result.Add((pattern, pattern.AsSpan().IndexOfAny(RegexCharacters) < 0 ? null : ToRegex(key, pattern), number));
        }

        return result;
    }

    /// <summary>Patterns may be regular expressions that match the last parts of a name; the engine without backtracking cannot hang on one.</summary>
    private Regex ToRegex(string key, string pattern)
    {
        try
        {
            return new Regex($@"(?:^|\.)(?:{pattern})$", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new MerganserException($"{_path}: '{key}' has the pattern '{pattern}', which cannot be used: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
