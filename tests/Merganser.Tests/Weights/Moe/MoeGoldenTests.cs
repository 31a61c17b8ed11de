using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Moe;

namespace Merganser.Tests.Weights.Moe;

/// <summary>
/// Mixtures that mergekit made, prompts given as text.
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
        MoeConfig config = MoeConfigReader.Read(text, "recipe.yml");
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
}
