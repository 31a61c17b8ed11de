using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>
/// The vocabularies of the golden cases: from artifacts/vocabularies (eng/fetch-vocabularies.sh has checked them) by name, or
/// by SHA-256 from the folder in MERGANSER_VOCABULARIES.
/// </summary>
internal static class GoldenVocabularies
{
    private static readonly ConcurrentDictionary<string, Lazy<Tokenizer>> Loaded = new();
    private static readonly Lazy<Dictionary<string, string>> ByHash = new(HashFolder);

    public static string Folder => Path.Combine(Golden.Repository, "artifacts", "vocabularies");

    public static JsonArray Texts { get; } = JsonNode.Parse(File.ReadAllBytes(Path.Combine(Golden.Folder("tokenizers"), "texts.json")))!.AsArray();

    /// <summary>The file of a case; the test is skipped when it is not there.</summary>
    public static string PathOf(JsonObject golden)
    {
        string name = (string)golden["tokenizer"]!;
        string fetched = Path.Combine(Folder, name, "tokenizer.json");
        if (File.Exists(fetched))
            return fetched;
        string? hash = (string?)golden["sha256_of_tokenizer_json"];
        if (hash is not null && ByHash.Value.TryGetValue(hash, out string? found))
            return found;
        Assert.Skip($"the vocabulary of '{name}' is not here ({golden["source"]}): run eng/fetch-vocabularies.sh, or put the file with the SHA-256 {hash} into the folder MERGANSER_VOCABULARIES");
        return "";
    }

    /// <summary>A fetched vocabulary by name; the test is skipped when it is not there.</summary>
    public static Tokenizer Get(string name)
    {
        string path = Path.Combine(Folder, name);
        if (!File.Exists(path) && !Directory.Exists(path))
            Assert.Skip($"the vocabulary '{name}' is not here: run eng/fetch-vocabularies.sh");
        return Load(path);
    }

    public static Tokenizer Load(string path) => Loaded.GetOrAdd(path, p => new Lazy<Tokenizer>(() => Tokenizer.Load(p))).Value;

    public static JsonObject Read(string file) => JsonNode.Parse(File.ReadAllBytes(Path.Combine(Golden.Folder("tokenizers"), file)))!.AsObject();

    /// <summary>The files of the folder that have a prefix and a member.</summary>
    public static TheoryData<string> Files(string prefix, string member)
    {
        TheoryData<string> files = [];
        foreach (string path in Directory.GetFiles(Golden.Folder("tokenizers"), prefix + "*.json").Order(StringComparer.Ordinal))
        {
            if (Read(Path.GetFileName(path)).ContainsKey(member))
                files.Add(Path.GetFileName(path));
        }

        return files;
    }

    public static int[] Ints(JsonNode node) => [.. node.AsArray().Select(value => (int)value!)];

    private static Dictionary<string, string> HashFolder()
    {
        Dictionary<string, string> files = new(StringComparer.OrdinalIgnoreCase);
        if (Environment.GetEnvironmentVariable("MERGANSER_VOCABULARIES") is not { Length: > 0 } folder || !Directory.Exists(folder))
            return files;
        foreach (string path in Directory.EnumerateFiles(folder, "*.json", SearchOption.AllDirectories))
        {
            using FileStream stream = File.OpenRead(path);
            files[Convert.ToHexString(SHA256.HashData(stream))] = path;
        }

        return files;
    }
}
