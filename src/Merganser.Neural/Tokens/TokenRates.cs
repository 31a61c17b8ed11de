using System.Text.Json;
using System.Text.Json.Nodes;

namespace Merganser.Neural.Tokens;

/// <summary>How many tokens every block keeps after dropping and after merging, special tokens included.</summary>
/// <param name="AfterPruning">One number per block.</param>
/// <param name="AfterMerging">One number per block.</param>
public sealed record TokenRates(IReadOnlyList<int> AfterPruning, IReadOnlyList<int> AfterMerging)
{
    private static readonly Dictionary<string, TokenRates> Published = new(StringComparer.OrdinalIgnoreCase)
    {
        ["deit-s-2.9"] = new([197, 196, 190, 168, 150, 139, 129, 117, 99, 78, 58, 3], [197, 194, 176, 156, 141, 133, 121, 107, 88, 64, 56, 3]),
        ["deit-b-8.7"] = new([197, 192, 172, 156, 131, 107, 90, 72, 56, 33, 17, 3], [197, 178, 162, 141, 115, 96, 78, 60, 47, 21, 13, 3]),
    };

    /// <summary>The names of lists that the authors of DiffRate published: a model and its target in 10⁹ multiply-adds.</summary>
    public static IReadOnlyCollection<string> Presets => Published.Keys;

    /// <summary>One of <see cref="Presets"/>, or a file <c>{model: {target: {prune_kept_num: […], merge_kept_num: […]}}}</c>; of several entries <c>file#model/target</c> names one.</summary>
    /// <exception cref="MerganserException">There is no such preset or file, or it holds something else.</exception>
    public static TokenRates Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (Published.TryGetValue(text, out TokenRates? preset))
            return preset;
        int mark = text.LastIndexOf('#');
        (string path, string? entry) = mark > 0 ? (text[..mark], text[(mark + 1)..]) : (text, null);
        if (!File.Exists(path))
            throw new MerganserException($"{path}: there is no such file, and no such list of rates; known are {string.Join(", ", Presets)}");
        try
        {
            JsonNode? root = JsonNode.Parse(File.ReadAllText(path));
            var found = new Dictionary<string, TokenRates>(StringComparer.Ordinal);
            foreach ((string model, JsonNode? targets) in root!.AsObject())
            {
                foreach ((string target, JsonNode? lists) in targets!.AsObject())
                    found.Add($"{model}/{target}", new TokenRates(Numbers(lists!["prune_kept_num"]), Numbers(lists["merge_kept_num"])));
            }

            return entry is null && found.Count == 1 ? found.Values.Single()
                : entry is not null && found.TryGetValue(entry, out TokenRates? rates) ? rates
                : throw new MerganserException($"{path}: holds {string.Join(", ", found.Keys)}; name one as {path}#{found.Keys.FirstOrDefault() ?? "model/target"}");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException or FormatException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: is no list of rates; needed is {{\"model\": {{\"target\": {{\"prune_kept_num\": [197, …], \"merge_kept_num\": [197, …]}}}}}}", e);
        }
    }

    /// <summary>The same in the form that <see cref="Read"/> takes.</summary>
    public string ToJson(string model, string target) => new JsonObject
    {
        [model] = new JsonObject
        {
            [target] = new JsonObject
            {
                ["prune_kept_num"] = new JsonArray([.. AfterPruning.Select(kept => JsonValue.Create(kept))]),
                ["merge_kept_num"] = new JsonArray([.. AfterMerging.Select(kept => JsonValue.Create(kept))]),
            },
        },
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = true });

    private static int[] Numbers(JsonNode? node) => [.. node!.AsArray().Select(number => number!.GetValue<int>())];
}
