using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Moe;

namespace Merganser.Tests.Weights.Moe;

/// <summary>
/// Mixtures that mergekit made. Its prompts are text; as this library takes token ids, the test tokenises them by the rules
/// of the tiny tokenizer beside the base: added tokens, then words that begin with ▁, then merges in order of rank.
/// </summary>
public sealed class MoeGoldenTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Cases()
    {
        var data = new TheoryData<string>();
        foreach (string folder in Directory.GetDirectories(Golden.Folder("weights", "tools"), "moe-*").Order(StringComparer.Ordinal))
            data.Add(Path.GetFileName(folder));
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_mixture_equals_mergekits(string name)
    {
        string folder = Golden.Folder("weights", "tools", name);
        string text = File.ReadAllText(Path.Combine(folder, "recipe.yml"));
        string basePath = Regex.Match(text, @"base_model:\s*(\S+)").Groups[1].Value;
        MoeConfig config = MoeConfigReader.Read(WithTokens(text, Golden.Folder("weights", basePath, "tokenizer.json")), "recipe.yml");
        using MergePlan plan = MoePlanner.Plan(config, new MoeOptions { Layout = MoeLayout.Fused, WorkingFolder = Golden.Folder("weights") });
        MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions());

        using Checkpoint expected = CheckpointReader.Open(Path.Combine(folder, "expected"));
        using Checkpoint actual = CheckpointReader.Open(_folder["out"]);
        Assert.Equal(expected.Tensors.Keys.Order(StringComparer.Ordinal), actual.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach ((string tensor, TensorSource source) in expected.Tensors)
        {
            Assert.True(source.Info.SameShape(actual.Tensors[tensor].Info), tensor);
            float[] wanted = source.ReadSingles(), found = actual.Tensors[tensor].ReadSingles();
            for (int i = 0; i < wanted.Length; i++)
                Assert.True(Math.Abs(wanted[i] - found[i]) <= 1e-6 + (1e-5 * Math.Abs(wanted[i])), $"{tensor}[{i}]: {wanted[i]} expected, {found[i]} found");
        }

        JsonNode wantedConfig = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "expected", "config.json")))!;
        JsonNode foundConfig = JsonNode.Parse(File.ReadAllText(_folder["out/config.json"]))!;
        foreach (string key in (string[])["architectures", "model_type", "num_local_experts", "num_experts_per_tok", "sliding_window", "num_hidden_layers", "vocab_size", "intermediate_size", "hidden_size"])
            Assert.True(JsonNode.DeepEquals(wantedConfig[key], foundConfig[key]), key);
        Assert.True(File.Exists(_folder["out/tokenizer.json"]));
    }

    /// <summary>Puts lists of ids in the place of quoted prompts; <c>&lt;s&gt;</c> goes before each.</summary>
    private static string WithTokens(string recipe, string tokenizer)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllText(tokenizer))!;
        return Regex.Replace(recipe, @"(?<=_prompts:\s*\[.*)""([^""]*)""", match => $"[{string.Join(", ", Tokenise("<s>" + match.Groups[1].Value, json))}]");
    }

    private static List<int> Tokenise(string text, JsonNode tokenizer)
    {
        var ids = new List<int>();
        string[] added = [.. tokenizer["added_tokens"]!.AsArray().Select(token => (string)token!["content"]!)];
        string[] merges = [.. tokenizer["model"]!["merges"]!.AsArray().Select(pair => $"{(string)pair![0]!} {(string)pair[1]!}")];
        foreach (string piece in Regex.Split(text, $"({string.Join('|', added.Select(Regex.Escape))})").Where(piece => piece.Length > 0))
        {
            if (added.Contains(piece))
            {
                ids.Add((int)tokenizer["added_tokens"]!.AsArray().First(token => (string)token!["content"]! == piece)!["id"]!);
                continue;
            }

            foreach (string word in Regex.Matches("▁" + piece.Replace(' ', '▁'), "▁[^▁]*").Select(match => match.Value))
            {
                List<string> parts = [.. word.EnumerateRunes().Select(rune => rune.ToString())];
                for (; ; )
                {
                    int[] ranks = [.. Enumerable.Range(0, Math.Max(0, parts.Count - 1)).Select(i => Array.IndexOf(merges, $"{parts[i]} {parts[i + 1]}"))];
                    if (!ranks.Any(rank => rank >= 0))
                        break;
                    int best = Array.IndexOf(ranks, ranks.Where(rank => rank >= 0).Min());
                    parts[best] += parts[best + 1];
                    parts.RemoveAt(best + 1);
                }

                ids.AddRange(parts.Select(part => (int)(tokenizer["model"]!["vocab"]![part] ?? tokenizer["model"]!["vocab"]!["<unk>"]!)));
            }
        }

        return ids;
    }
}
