using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Merganser.Checkpoints.Architectures;

/// <summary>One stack of layers in a table entry; names are without the family's prefix.</summary>
internal sealed record EntryModule(
    string Name, string? Root, string Layers, ImmutableArray<string> CountKeys, ImmutableArray<string> Pre, ImmutableArray<string> Layer, ImmutableArray<string> Post);

/// <summary>
/// What the tables know of a family: other names of the same tensors, tied tensors, order. The tensors themselves come from the models.
/// A name without <c>?</c> in a table must be in all models as soon as one has it.
/// </summary>
internal sealed class ArchitectureEntry
{
    private readonly ImmutableArray<string> _names;
    private readonly ImmutableArray<string> _baseNames;
    private readonly string _prefix;
    private readonly ImmutableArray<string> _roots;
    private readonly ImmutableArray<(string Canonical, string Alias)> _aliases;
    private readonly Dictionary<string, ImmutableArray<string>> _tied = new(StringComparer.Ordinal);

    private ArchitectureEntry(JsonObject json)
    {
        _names = Strings(json, "names");
        _baseNames = Strings(json, "base_names");
        ModelTypes = Strings(json, "model_types");
        _prefix = (string?)json["prefix"] ?? "";
        _roots = Strings(json, "roots");
        Embeddings = Strings(json, "embeddings");
        ExtraFiles = Strings(json, "extra_files");
        VocabularySizeKeys = Alternatives((string?)json["vocab_size"] ?? "vocab_size");
        Modules = [.. json["modules"]!.AsArray().Select(node => ReadModule(node!.AsObject()))];
        _aliases = json["aliases"] is JsonObject aliases
            ? [.. aliases.SelectMany(pair => pair.Value!.AsArray().Select(alias => (pair.Key, (string)alias!)))]
            : [];
        if (json["tied"] is JsonObject tied)
        {
            foreach ((string name, JsonNode? targets) in tied)
                _tied[name] = [.. targets!.AsArray().Select(target => (string)target!)];
        }
    }

    public ImmutableArray<string> ModelTypes { get; }

    public ImmutableArray<string> Embeddings { get; }

    public ImmutableArray<string> ExtraFiles { get; }

    public ImmutableArray<string> VocabularySizeKeys { get; }

    public ImmutableArray<EntryModule> Modules { get; }

    /// <summary>The first name, for models whose configuration says only their type.</summary>
    public string DefaultName => Alternatives(_names[0])[0];

    public IEnumerable<string> Names => _names.SelectMany(name => Alternatives(name)).Concat(_baseNames);

    public static IEnumerable<ArchitectureEntry> Read(Stream stream) =>
        JsonNode.Parse(stream)!.AsArray().Select(node => new ArchitectureEntry(node!.AsObject()));

    /// <summary>True when both names mean the same class (a spelling of earlier days).</summary>
    public bool AreSynonyms(string first, string second) =>
        _names.Any(name => Alternatives(name) is var spellings && spellings.Contains(first) && spellings.Contains(second));

    /// <summary>The name without the family's prefix and with today's spelling: what the tables are written in.</summary>
    public string Bare(string name)
    {
        string bare = name;
        if (_prefix.Length > 0 && name.StartsWith(_prefix, StringComparison.Ordinal) && IsTrunk(name[_prefix.Length..]))
            bare = name[_prefix.Length..];
        foreach ((string canonical, string alias) in _aliases)
        {
            if (HasSuffix(bare, alias))
                return bare[..^alias.Length] + canonical;
        }

        return bare;
    }

    /// <summary>The name that outputs of this architecture give to a bare name.</summary>
    public string Canonical(string bare, string architecture) =>
        _prefix.Length > 0 && IsTrunk(bare) && !_baseNames.Contains(architecture) ? _prefix + bare : bare;

    /// <summary>All other spellings of a bare name.</summary>
    public ImmutableArray<string> Aliases(string bare, string architecture)
    {
        string canonical = Canonical(bare, architecture);
        ImmutableArray<string> spellings = [bare, .. _aliases.Where(pair => HasSuffix(bare, pair.Canonical)).Select(pair => bare[..^pair.Canonical.Length] + pair.Alias)];
        bool trunk = _prefix.Length > 0 && IsTrunk(bare);
        return [.. spellings.SelectMany(spelling => trunk ? [_prefix + spelling, spelling] : new[] { spelling }).Where(name => name != canonical)];
    }

    /// <summary>Every spelling of the tensors that stand in for a bare name.</summary>
    public ImmutableArray<string> TiedNames(string bare, string architecture) =>
        _tied.TryGetValue(bare, out ImmutableArray<string> targets)
            ? [.. targets.SelectMany(target => Aliases(target, architecture).Insert(0, Canonical(target, architecture)))]
            : [];

    private bool IsTrunk(string bare)
    {
        foreach (string root in _roots)
        {
            if (bare.StartsWith(root, StringComparison.Ordinal))
                return true;
        }

        return false;
    }

    private static bool HasSuffix(string name, string suffix) =>
        name.EndsWith(suffix, StringComparison.Ordinal) && (name.Length == suffix.Length || name[^(suffix.Length + 1)] == '.');

    private static EntryModule ReadModule(JsonObject json) => new(
        (string?)json["name"] ?? "default", (string?)json["root"], (string)json["layers"]!,
        Alternatives((string?)json["count"] ?? "num_hidden_layers"), Strings(json, "pre"), Strings(json, "layer"), Strings(json, "post"));

    private static ImmutableArray<string> Strings(JsonObject json, string key) =>
        json[key] is JsonArray array ? [.. array.Select(node => (string)node!)] : [];

    private static ImmutableArray<string> Alternatives(string text) => [.. text.Split('|')];
}
