using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights.Lora;

namespace Merganser.Tests.Weights.Lora;

public sealed class LoraExtractTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Random _random = new(5);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Singular_values_up_to_epsilon_are_dropped_and_ranks_noted()
    {
        // The change of one module has rank 1, of the other rank 2.
        float[] one = Outer([1, 2, 3], [1, 0, 2, 0]), two = Sum(one, Outer([0, 1, -1], [3, 1, 0, 1]));
        (ModelFolder old, ModelFolder model) = Models(("l.0.a.weight", [3, 4], one), ("l.0.b.weight", [3, 4], two));
        LoraExtractReport report = LoraExtractor.Extract(old, model, _folder["out"], new LoraExtractOptions { SvEpsilon = 1e-3 });
        Assert.Equal(2, report.Rank);
        JsonNode config = JsonNode.Parse(File.ReadAllText(_folder["out/adapter_config.json"]))!;
        Assert.Equal(2, (int)config["r"]!);
        Assert.Equal(1, (int)config["rank_pattern"]!["l.0.a"]!);
        Assert.Equal(1, (int)config["alpha_pattern"]!["l.0.a"]!);
        AssertGivesBack(old, model);
    }

    [Fact]
    public void Biases_norms_and_kernels_come_back()
    {
        (ModelFolder old, ModelFolder model) = Models(
            ("l.0.a.weight", [3, 4], Noise(12)), ("l.0.a.bias", [3], Noise(3)), ("l.0.norm.weight", [4], Noise(4)), ("l.0.norm.bias", [4], Noise(4)),
            ("conv.weight", [4, 2, 3, 3], Noise(72)));
        LoraExtractor.Extract(old, model, _folder["out"]);
        AssertGivesBack(old, model);
    }

    [Fact]
    public void Matrices_of_gpt2_become_factors_with_fan_in_fan_out()
    {
        (ModelFolder old, ModelFolder model) = Models(("h.0.attn.c_attn.weight", [4, 12], Noise(48)), ("h.0.attn.c_proj.weight", [4, 4], Noise(16)));
        model.SetConfig("model_type", "gpt2");
        LoraExtractor.Extract(old, model, _folder["out"]);
        using Checkpoint adapter = CheckpointReader.Open(_folder["out/adapter_model.safetensors"]);
        Assert.Equal([4, 4], adapter.Tensors["base_model.model.h.0.attn.c_attn.lora_A.weight"].Info.Shape);
        Assert.Equal([12, 4], adapter.Tensors["base_model.model.h.0.attn.c_attn.lora_B.weight"].Info.Shape);
        AssertGivesBack(old, model);
    }

    [Fact]
    public void Regexes_and_names_choose_the_modules()
    {
        (ModelFolder old, ModelFolder model) = Models(
            ("l.0.q.weight", [3, 4], Noise(12)), ("l.0.k.weight", [3, 4], Noise(12)), ("l.1.q.weight", [3, 4], Noise(12)), ("norm.weight", [4], Noise(4)));
        LoraExtractor.Extract(old, model, _folder["out"], new LoraExtractOptions
        {
            IncludeRegexes = ["^l\\."],
            ExcludeRegexes = ["l\\.1\\..*"],
            SaveModules = ["k"],
            SkipUndecomposable = true,
        });
        using Checkpoint adapter = CheckpointReader.Open(_folder["out/adapter_model.safetensors"]);
        Assert.Equal(
            ["base_model.model.l.0.k.weight", "base_model.model.l.0.q.lora_A.weight", "base_model.model.l.0.q.lora_B.weight"],
            adapter.Tensors.Keys.Order(StringComparer.Ordinal));
        // 'q' alone would name layer 1's too.
        Assert.Equal("l.0.q", (string)JsonNode.Parse(File.ReadAllText(_folder["out/adapter_config.json"]))!["target_modules"]![0]!);
    }

    [Fact]
    public void Random_projection_finds_a_change_of_low_rank_in_a_large_matrix()
    {
        const int size = 1024;
        float[] change = new float[size * size];
        for (int k = 0; k < 3; k++)
            change = Sum(change, Outer(Noise(size), Noise(size)));
        (ModelFolder old, ModelFolder model) = Models(("l.0.a.weight", [size, size], change));
        LoraExtractor.Extract(old, model, _folder["out"], new LoraExtractOptions { MaxRank = 4 });
        AssertGivesBack(old, model, 2e-3);
    }

    [Fact]
    public void What_cannot_be_extracted_is_refused_and_leaves_nothing()
    {
        (ModelFolder old, ModelFolder model) = Models(("l.0.a.weight", [3, 4], Noise(12)));
        void Refused(string expected, LoraExtractOptions options) =>
            Assert.Contains(expected, Assert.Throws<MerganserException>(() => LoraExtractor.Extract(old, model, _folder["out"], options)).Message, StringComparison.Ordinal);
        Refused("--max-rank", new LoraExtractOptions { MaxRank = 0 });
        Refused("--include-regex", new LoraExtractOptions { IncludeRegexes = ["("] });
        Refused("--exclude-regex", new LoraExtractOptions { ExcludeRegexes = ["(?=a)"] });
        Refused("nothing to extract", new LoraExtractOptions { IncludeRegexes = ["zzz"] });
        Refused("no module 'zzz'", new LoraExtractOptions { SaveModules = ["zzz"] });
        (ModelFolder other, _) = Models(("l.0.a.weight", [3, 5], Noise(15)));
        Assert.Throws<MerganserException>(() => LoraExtractor.Extract(other, model, _folder["out"]));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
        Directory.CreateDirectory(_folder["out/x"]);
        Refused("--overwrite", new LoraExtractOptions());
    }

    private void AssertGivesBack(ModelFolder old, ModelFolder model, double tolerance = 1e-5)
    {
        var owned = new List<IDisposable>();
        foreach ((string name, TensorSource tensor) in LoraOverlay.Overlay(old, _folder["out"], owned))
        {
            float[] expected = model.Weights.Tensors[name].ReadSingles(), actual = tensor.ReadSingles();
            for (int i = 0; i < expected.Length; i++)
                Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"{name}[{i}]: {expected[i]} expected, {actual[i]} found");
        }

        owned.ForEach(item => item.Dispose());
    }

    private (ModelFolder Old, ModelFolder Model) Models(params (string Name, long[] Shape, float[] Change)[] tensors)
    {
        MemoryTensor[] old = [.. tensors.Select(tensor => MemoryTensor.Random(_random, tensor.Name, tensor.Shape))];
        MemoryTensor[] tuned = [.. tensors.Zip(old, (tensor, before) => MemoryTensor.Of(tensor.Name, [.. tensor.Shape], Sum(before.ReadSingles(), tensor.Change)))];
        return (new ModelFolder("base", new JsonObject(), new Checkpoint("base", old, [])), new ModelFolder("model", new JsonObject(), new Checkpoint("model", tuned, [])));
    }

    private float[] Noise(int count) => MemoryTensor.Random(_random, "noise", count).ReadSingles();

    private static float[] Outer(float[] left, float[] right) => [.. left.SelectMany(x => right.Select(y => x * y))];

    private static float[] Sum(float[] a, float[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
