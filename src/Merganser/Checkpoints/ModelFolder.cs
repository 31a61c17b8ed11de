using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Merganser.Checkpoints.Formats;
using Merganser.Checkpoints.Hub;

namespace Merganser.Checkpoints;

/// <summary>A Hugging Face folder: config.json, weights and the files of the tokenizer.</summary>
public sealed class ModelFolder : IDisposable
{
    private static readonly ImmutableArray<string> TokenizerFiles =
    [
        "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "merges.txt",
        "vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model", "source.spm", "target.spm", "chat_template.jinja",
        "chat_template.json",
    ];

    private static readonly ImmutableArray<string> OtherSideFiles =
    [
        "generation_config.json", "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json",
        "image_processor_config.json", "normalizer.json",
    ];

    /// <summary>Makes a folder from its parts; takes over the checkpoint.</summary>
    public ModelFolder(string path, JsonObject config, Checkpoint weights)
    {
        Path = path;
        Config = config;
        Weights = weights;
    }

    /// <summary>The files beside the weights that an output folder takes over when they are there: tokenizer first.</summary>
    public static ImmutableArray<string> SideFileNames { get; } = [.. TokenizerFiles, .. OtherSideFiles];

    /// <summary>Those of <see cref="SideFileNames"/> that belong to the tokenizer (its chat template included).</summary>
    public static ImmutableArray<string> TokenizerFileNames => TokenizerFiles;

    /// <summary>The folder, or the single weight file that was opened.</summary>
    public string Path { get; }

    /// <summary>The parsed config.json; empty when there is none.</summary>
    public JsonObject Config { get; }

    /// <summary>The tensors.</summary>
    public Checkpoint Weights { get; }

    /// <summary>The one name in <c>config.architectures</c>; null when the configuration has none.</summary>
    /// <exception cref="MerganserException">There are several names, or something else than names.</exception>
    public string? ArchitectureName
    {
        get
        {
            JsonNode? names = GetConfig("architectures");
            if (names is null or JsonArray { Count: 0 })
                return null;
            if (names is JsonArray { Count: 1 } array && array[0] is JsonValue value && value.TryGetValue(out string? name))
                return name;
            throw new MerganserException($"{ConfigPath}: 'architectures' must hold exactly one name; name the architecture in the recipe instead");
        }
    }

    /// <summary>The <c>model_type</c> of the configuration; null when it has none.</summary>
    public string? ModelType => GetConfigString("model_type");

    private string ConfigPath => System.IO.Path.Combine(Path, "config.json");

    /// <summary>
    /// Opens a folder (config.json is optional), a single weight file, or a repository (<c>owner/name[@revision]</c>) that is in
    /// the local cache; nothing is downloaded.
    /// </summary>
    /// <exception cref="MerganserException">There is no such folder, its configuration is not a JSON object of at most 16 MB and depth 64,
    /// or its weights cannot be read.</exception>
    public static ModelFolder Open(string path)
    {
        path = HubCache.Resolve(path);
        JsonObject config = Directory.Exists(path) && FolderFiles.Find(path, "config.json") is { } configPath ? BoundedJson.ReadObject(configPath) : [];
        return new ModelFolder(path, config, CheckpointReader.Open(path));
    }

    /// <summary>The value at a dotted path of the configuration, for example <c>text_config.vocab_size</c>; null when it is missing.</summary>
    public JsonNode? GetConfig(string dottedKey) => BoundedJson.Find(Config, dottedKey);

    /// <summary>The text at a dotted path; null when it is missing or no text.</summary>
    public string? GetConfigString(string dottedKey) =>
        GetConfig(dottedKey) is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    /// <summary>The whole number at a dotted path; null when it is missing or null.</summary>
    /// <exception cref="MerganserException">The value is no whole number, or negative.</exception>
    public int? GetConfigInt(string dottedKey)
    {
        JsonNode? node = GetConfig(dottedKey);
        if (node is null)
            return null;
        if (node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out int number) && number >= 0)
            return number;
        throw new MerganserException($"{ConfigPath}: '{dottedKey}' must be a whole number, not {node.ToJsonString()}");
    }

    /// <summary>The switch at a dotted path; null when it is missing or no switch.</summary>
    public bool? GetConfigBool(string dottedKey) =>
        GetConfig(dottedKey) is JsonValue value && value.TryGetValue(out bool flag) ? flag : null;

    /// <summary>Changes one value of <see cref="Config"/> in memory; missing objects on the way are made.</summary>
    public void SetConfig(string dottedKey, JsonNode? value)
    {
        JsonObject owner = Config;
        string[] parts = dottedKey.Split('.');
        foreach (string part in parts.AsSpan(0, parts.Length - 1))
        {
            if (owner[part] is not JsonObject inner)
                owner[part] = inner = [];
            owner = inner;
        }

        owner[parts[^1]] = value;
    }

    /// <summary>An editor of the original bytes of config.json, for the copy that goes to an output folder.</summary>
    public ConfigEditor EditConfig() =>
        File.Exists(ConfigPath) ? ConfigEditor.Open(ConfigPath) : new ConfigEditor(System.Text.Encoding.UTF8.GetBytes(Config.ToJsonString()), ConfigPath);

    /// <summary>The full paths of the side files (see <see cref="SideFileNames"/>) and of <paramref name="extra"/> that exist here.</summary>
    public IEnumerable<string> SideFiles(IEnumerable<string>? extra = null)
    {
        if (!Directory.Exists(Path))
            yield break;
        foreach (string name in SideFileNames.Concat(extra ?? []).Distinct(StringComparer.Ordinal))
        {
            if (FolderFiles.Find(Path, name) is { } file)
                yield return file;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();
}
