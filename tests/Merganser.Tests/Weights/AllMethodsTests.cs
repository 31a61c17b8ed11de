using Merganser.Checkpoints;
using Merganser.Tests.Weights.Execution;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights;

/// <summary>What must hold for every method of the registry, whoever adds it.</summary>
public sealed class AllMethodsTests
{
    public static TheoryData<string> Names() => [.. MergeMethods.All.Select(method => method.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Merging_a_model_with_itself_gives_it_back(string name)
    {
        MergeMethod method = MergeMethods.Find(name)!;
        ArrayModel model = Model(1);
        ArrayModel[] models = [.. Enumerable.Repeat(model, Count(method))];
        ArrayModel merged = ArrayMerge.Run(method, Base(method, model), models, Parameters(method, models.Length), new ArrayMergeOptions { Seed = 5 });
        foreach ((string tensor, (_, float[] values)) in model)
            Assert.All(values.Zip(merged[tensor].Values), two => Assert.Equal(two.First, two.Second, 2e-6f));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_order_of_equally_weighted_models_does_not_matter_unless_draws_belong_to_them(string name)
    {
        MergeMethod method = MergeMethods.Find(name)!;
        if (method.IsRandom || method.MaxModels < 2)
            return;
        ArrayModel[] models = [Model(1), Model(2)];
        ParameterSet parameters = Parameters(method, 2);
        ArrayModel forth = ArrayMerge.Run(method, Base(method, Model(3)), models, parameters);
        ArrayModel back = ArrayMerge.Run(method, Base(method, Model(3)), [models[1], models[0]], parameters);
        foreach ((string tensor, (_, float[] values)) in forth)
            Assert.All(values.Zip(back[tensor].Values), two => Assert.Equal(two.First, two.Second, 1e-4f));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Threads_chunks_and_shards_do_not_change_a_value(string name)
    {
        MergeMethod method = MergeMethods.Find(name)!;
        using var folder = new TemporaryFolder();
        foreach ((string model, int seed) in new[] { ("base", 1), ("a", 2), ("b", 3) })
            SyntheticModel.Write(folder[model], seed, layers: 3, DType.BF16);
        string[] models = [.. new[] { "a", "b" }.Take(Count(method))];
        string recipe = $"merge_method: {name}\n"
            + (method.Base == BaseRole.Ordinary ? "" : $"base_model: {folder["base"]}\n")
            + "models:\n" + string.Concat(models.Select(model => $"  - model: {folder[model]}\n"))
            + "parameters: {" + string.Join(", ", method.Parameters.Where(parameter => parameter.Default is null || parameter.Name is "density").Select(parameter => $"{parameter.Name}: 0.5")) + "}\n";
        byte[] Merge(string output, MergeRunOptions options)
        {
            using MergePlan plan = MergePlanner.Plan(RecipeReader.Read(recipe, "recipe.yml"), new PlanOptions { Seed = 9 });
            MergeExecutor.Run(plan, folder[output], options);
            using Checkpoint merged = CheckpointReader.Open(folder[output]);
            return [.. merged.Tensors.OrderBy(pair => pair.Key, StringComparer.Ordinal).SelectMany(pair => pair.Value.ReadBytes())];
        }

        byte[] expected = Merge("one", new MergeRunOptions { Threads = 1, ChunkBytes = 256 << 10 });
        Assert.Equal(expected, Merge("many", new MergeRunOptions { Threads = 3, ChunkBytes = 4 << 10, ShardBytes = 60_000 }));
    }

    private static int Count(MergeMethod method) => Math.Min(2, method.MaxModels);

    private static ArrayModel? Base(MergeMethod method, ArrayModel model) => method.Base == BaseRole.Ordinary ? null : model;

    private static ParameterSet Parameters(MergeMethod method, int models)
    {
        var set = new ParameterSet();
        foreach (MethodParameter parameter in method.Parameters.Where(parameter => parameter.Default is null))
        {
            for (int model = 0; model < models; model++)
                set.Set(parameter.Name, 0.5, parameter.PerModel ? model : -1);
        }

        return set;
    }

    private static ArrayModel Model(int seed)
    {
        var random = new Random(seed);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
        return new ArrayModel().With("a.weight", [24, 16], Values(384)).With("b.bias", [31], Values(31)).With("c.conv", [4, 3, 5], Values(60));
    }
}
