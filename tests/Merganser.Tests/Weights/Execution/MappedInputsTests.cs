using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Execution;

public sealed unsafe class MappedInputsTests
{
    [Theory]
    [InlineData("slerp", "a", "t: 0.3", DType.BF16)]
    [InlineData("slerp", "a", "t: 0.3", DType.F16)]
    [InlineData("nuslerp", "base", "weight: 0.3", DType.BF16)]
    [InlineData("ties", "base", "weight: 0.3, density: 0.4", DType.BF16)]
    [InlineData("ties", "base", "weight: 0.3, density: 0.4", DType.F32)]
    public void Mapped_inputs_give_the_bytes_of_read_ones(string method, string baseModel, string parameters, DType type)
    {
        using var folder = new TemporaryFolder();
        foreach ((string name, int seed) in new[] { ("base", 1), ("a", 2), ("b", 3) })
            SyntheticModel.Write(folder[name], seed, layers: 2, type);
        string recipe = $"merge_method: {method}\nbase_model: {folder[baseModel]}\nmodels:\n  - model: {folder["a"]}\n  - model: {folder["b"]}\nparameters: {{{parameters}}}\n";

        byte[] Merge(string output, long mapped)
        {
            using MergePlan plan = MergePlanner.Plan(RecipeReader.Read(recipe, "recipe.yml"), new PlanOptions());
            MergeExecutor.Run(plan, folder[output], new MergeRunOptions { MappedBytes = mapped });
            return File.ReadAllBytes(Path.Combine(folder[output], "model.safetensors"));
        }

        Assert.Equal(Merge("read", 0), Merge("mapped", long.MaxValue));
    }

    [Fact]
    public void Inputs_beyond_the_bound_are_not_mapped()
    {
        using var folder = new TemporaryFolder();
        SyntheticModel.Write(folder["a"], 1);
        using Checkpoint model = CheckpointReader.Open(folder["a"]);
        TensorSource source = model.Tensors["model.norm.weight"];
        var job = new TensorJob(source.Info, [source, source]);
        using MappedInputs? within = MappedInputs.TryMap(job, 2 * source.Info.ByteCount);
        Assert.NotNull(within);
        Assert.Null(MappedInputs.TryMap(job, (2 * source.Info.ByteCount) - 1));
    }

    [Fact]
    public void Inputs_that_are_not_in_a_file_are_not_mapped()
    {
        MemoryTensor tensor = MemoryTensor.Of("weight", [4], [1, 2, 3, 4]);
        Assert.Null(MappedInputs.TryMap(new TensorJob(tensor.Info, [tensor]), long.MaxValue));
    }

    [Fact]
    public void A_file_that_was_cut_short_is_named()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("this system does not cut files that are mapped");
        using var folder = new TemporaryFolder();
        SyntheticModel.Write(folder["a"], 1);
        using Checkpoint model = CheckpointReader.Open(folder["a"]);
        TensorSource source = model.Tensors["model.norm.weight"];
        (CheckpointFile file, long offset) = source.Range!.Value;
        using MappedInputs mapped = MappedInputs.TryMap(new TensorJob(source.Info, [source]), long.MaxValue)!;
        int length = (int)source.Info.ByteCount;
        byte* bytes = mapped.At(1, 0, length);
        byte[] expected = new byte[length];
        source.Read(0, expected);
        Assert.Equal(expected, new ReadOnlySpan<byte>(bytes, length));

        using (FileStream stream = File.Open(file.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            stream.SetLength(offset + length - 1);
        MerganserException e = Assert.Throws<MerganserException>(() => _ = mapped.At(1, 0, length) == null);
        Assert.Contains($"{file.Path}: ends within tensor 'model.norm.weight'", e.Message, StringComparison.Ordinal);
    }
}
