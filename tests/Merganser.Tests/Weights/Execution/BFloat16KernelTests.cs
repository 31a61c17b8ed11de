using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Execution;

public sealed class BFloat16KernelTests
{
    [Theory]
    [InlineData("linear", "", "weight: 0.3", 2)]
    [InlineData("linear", "", "weight: 0.3, normalize: false", 2)]
    [InlineData("linear", "", "weight: 0.3", 1)]
    [InlineData("slerp", "a", "t: 0.3", 2)]
    [InlineData("nuslerp", "", "weight: 0.3", 2)]
    [InlineData("task_arithmetic", "base", "weight: 0.3, lambda: 0.7", 2)]
    [InlineData("task_arithmetic", "base", "weight: 0.3", 1)]
    [InlineData("nearswap", "base", "t: 0.01", 1)]
    [InlineData("pcb", "base", "pcb_ratio: 0.2", 2)]
    public void Working_on_stored_bfloat16_gives_the_bits_of_working_on_float32_tiles(string method, string baseModel, string parameters, int models)
    {
        using var folder = new TemporaryFolder();
        foreach ((string name, int seed) in new[] { ("base", 1), ("a", 2), ("b", 3) })
            SyntheticModel.Write(folder[name], seed, layers: 2, DType.BF16);
        string recipe = $"merge_method: {method}\n" + (baseModel.Length > 0 ? $"base_model: {folder[baseModel]}\n" : "")
            + "models:\n" + string.Concat(new[] { "a", "b" }.Take(models).Select(name => $"  - model: {folder[name]}\n")) + $"parameters: {{{parameters}}}\n";

        // A result in float32 is computed on tiles; rounded once it must be the result in bfloat16.
        Dictionary<string, float[]> Merge(string output, string type)
        {
            using MergePlan plan = MergePlanner.Plan(RecipeReader.Read($"{recipe}out_dtype: {type}\n", "recipe.yml"), new PlanOptions());
            MergeExecutor.Run(plan, folder[output], new MergeRunOptions());
            using Checkpoint merged = CheckpointReader.Open(folder[output]);
            return merged.Tensors.ToDictionary(pair => pair.Key, pair => pair.Value.ReadSingles());
        }

        Dictionary<string, float[]> wide = Merge("wide", "float32");
        Dictionary<string, float[]> narrow = Merge("narrow", "bfloat16");
        foreach ((string tensor, float[] values) in wide)
        {
            Rounding.BFloat16.Apply(values);
            Assert.Equal(values.Select(BitConverter.SingleToUInt32Bits), narrow[tensor].Select(BitConverter.SingleToUInt32Bits));
        }
    }

    [Fact]
    public void Nan_in_a_bfloat16_model_is_found_and_located()
    {
        using var folder = new TemporaryFolder();
        SyntheticModel.Write(folder["a"], 1, type: DType.BF16);
        SyntheticModel.Write(folder["b"], 2, type: DType.BF16, edit: (name, values) => values[5] = name == "model.norm.weight" ? float.PositiveInfinity : values[5]);
        MergeRecipe recipe = RecipeReader.Read($"merge_method: linear\nmodels:\n  - model: {folder["a"]}\n  - model: {folder["b"]}\nparameters: {{weight: 1}}\n", "recipe.yml");
        using MergePlan plan = MergePlanner.Plan(recipe, new PlanOptions());
        MerganserException e = Assert.Throws<MerganserException>(() => MergeExecutor.Run(plan, folder["out"], new MergeRunOptions()));
        Assert.Contains("'model.norm.weight' holds NaN or infinity at element 5", e.Message, StringComparison.Ordinal);
    }
}
