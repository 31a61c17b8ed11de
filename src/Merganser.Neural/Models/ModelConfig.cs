using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Neural.Models;

/// <summary>The values of a config.json, read by name with the defaults of the architecture. Whatever is wrong names the file and the key.</summary>
public sealed class ModelConfig
{
    private readonly string _path;

    /// <summary>Wraps the parsed document; <paramref name="path"/> is for messages.</summary>
    public ModelConfig(JsonObject document, string path)
    {
        Document = document;
        _path = path;
    }

    /// <summary>The document itself.</summary>
    public JsonObject Document { get; }

    /// <summary>The configuration of a folder.</summary>
    public static ModelConfig Of(ModelFolder folder) => new(folder.Config, Path.Combine(folder.Path, "config.json"));

    /// <summary>Reads a JSON file, config.json or one beside it.</summary>
    /// <exception cref="MerganserException">The file cannot be read, is far too large, or holds no JSON object.</exception>
    public static ModelConfig ReadFile(string path) => new(BoundedJson.ReadObject(path), path);

    /// <summary>A nested block as a configuration of its own; empty if it is not there.</summary>
    public ModelConfig Block(string key) => Find(key) switch
    {
        null => new ModelConfig([], $"{_path}: {key}"),
        JsonObject block => new ModelConfig(block, $"{_path}: {key}"),
        _ => throw Wrong(key, "an object"),
    };

    /// <summary>Whether the key is there with a value other than null.</summary>
    public bool Has(string key) => Find(key) is not null;

    /// <summary>A positive whole number that must be there.</summary>
    public int Size(string key) => Find(key) is null ? throw Missing(key) : Size(key, 1);

    /// <summary>A positive whole number.</summary>
    public int Size(string key, int otherwise)
    {
        int value = Int(key, otherwise);
        return value > 0 ? value : throw Wrong(key, "a positive whole number");
    }

    /// <summary>A whole number.</summary>
    public int Int(string key, int otherwise) => Find(key) switch
    {
        null => otherwise,
        JsonValue value when value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out int number) => number,
        JsonValue value when value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out double number) && number == Math.Floor(number) && Math.Abs(number) < int.MaxValue => (int)number,
        _ => throw Wrong(key, "a whole number"),
    };

    /// <summary>A whole number or nothing.</summary>
    public int? OptionalInt(string key) => Find(key) is null ? null : Int(key, 0);

    /// <summary>A finite number.</summary>
    public double Number(string key, double otherwise) => Find(key) switch
    {
        null => otherwise,
        JsonValue value when value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out double number) && double.IsFinite(number) => number,
        _ => throw Wrong(key, "a number"),
    };

    /// <summary>True or false.</summary>
    public bool Flag(string key, bool otherwise) => Find(key) switch
    {
        null => otherwise,
        JsonValue value when value.GetValueKind() is JsonValueKind.True or JsonValueKind.False => value.GetValue<bool>(),
        _ => throw Wrong(key, "true or false"),
    };

    /// <summary>A text.</summary>
    public string Text(string key, string otherwise) => Find(key) switch
    {
        null => otherwise,
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        _ => throw Wrong(key, "a text"),
    };

    /// <summary>A list of texts; empty if it is not there.</summary>
    public IReadOnlyList<string> Texts(string key) => Find(key) switch
    {
        null => [],
        JsonArray list => [.. list.Select(item => item is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : throw Wrong(key, "a list of texts"))],
        _ => throw Wrong(key, "a list of texts"),
    };

    /// <summary>A list of numbers; empty if it is not there.</summary>
    public IReadOnlyList<double> Numbers(string key) => Find(key) switch
    {
        null => [],
        JsonArray list => [.. list.Select(item => item is JsonValue value && value.GetValueKind() == JsonValueKind.Number ? value.GetValue<double>() : throw Wrong(key, "a list of numbers"))],
        _ => throw Wrong(key, "a list of numbers"),
    };

    /// <summary>The error for a value that cannot be used.</summary>
    public MerganserException Wrong(string key, string expected) =>
        new($"{_path}: '{key}' is {Shown(Find(key))}; expected {expected}");

    /// <summary>The error for a sequence that is longer than the table of learned positions.</summary>
    internal MerganserException TooLong(string key, long needed, long available) =>
        new($"{_path}: '{key}' is {available}, but the sequence needs {needed} positions; shorten it");

    private MerganserException Missing(string key) => new($"{_path}: '{key}' is missing");

    private JsonNode? Find(string key) => Document.TryGetPropertyValue(key, out JsonNode? node) ? node : null;

    private static string Shown(JsonNode? node)
    {
        string text = node?.ToJsonString() ?? "missing";
        return text.Length <= 40 ? text : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, 40)}…");
    }
}
