using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

public sealed class RecipeGoldenTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases() =>
        Directory.EnumerateDirectories(Golden.Folder("weights", "recipes")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal).Select(name => new TheoryDataRow<string>(name));

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_plan_has_the_tensors_and_the_configuration_that_mergekit_wrote(string name)
    {
        MergeRecipe recipe = Read(name);
        PlanOptions options = RecipeFolders.Options;
        if (recipe.TokenizerKey is { } key)
        {
            string message = Assert.Throws<MerganserException>(() => MergePlanner.Plan(recipe, options)).Message;
            Assert.Contains($"'{key}'", message, StringComparison.Ordinal);
            Assert.Contains("vocabularies cannot be merged yet", message, StringComparison.Ordinal);
            return;
        }

        using MergePlan plan = MergePlanner.Plan(recipe, options);
        string expectedFolder = Golden.Folder("weights", "recipes", name, "expected");
        using ModelFolder expected = ModelFolder.Open(expectedFolder);
        Assert.Equal(expected.Weights.Tensors.Keys.Order(StringComparer.Ordinal), plan.Jobs.Select(job => job.Output.Name).Order(StringComparer.Ordinal));
        DType? asked = recipe.OutDType ?? recipe.DType;
        foreach (TensorJob job in plan.Jobs)
        {
            TensorInfo info = expected.Weights.Tensors[job.Output.Name].Info;
            Assert.Equal(info.Shape, job.Output.Shape);
            // Two methods of mergekit write float32 whatever was asked.
            Assert.Equal(info.DType.IsFloat() ? asked ?? info.DType : info.DType, job.Output.DType);
            if (job.Context is { } context)
                Assert.Equal(context.Models.Length, job.Inputs.Length);
        }

        JsonObject config = JsonNode.Parse(plan.WrittenFiles["config.json"])!.AsObject();
        Assert.Equal((string?)expected.Config["dtype"] ?? (string?)expected.Config["torch_dtype"], (string?)config["dtype"] ?? (string?)config["torch_dtype"]);
        Assert.Equal((int?)expected.Config["num_hidden_layers"], (int?)config["num_hidden_layers"]);
        TensorJob embedding = plan.Jobs.First(job => job.Output.Name.EndsWith("embed_tokens.weight", StringComparison.Ordinal) || job.Output.Name.EndsWith("word_embeddings.weight", StringComparison.Ordinal));
        Assert.Equal(embedding.Output.Shape[0], (long?)config["vocab_size"]);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Linear_recipes_give_mergekits_numbers(string name)
    {
        MergeRecipe recipe = Read(name);
        if (recipe.Method.Name != "linear" || recipe.TokenizerKey is not null || recipe.AllSources.Any(source => source.Model.AdapterPath is not null))
            return;
        using MergePlan plan = MergePlanner.Plan(recipe, RecipeFolders.Options);
        using Checkpoint expected = CheckpointReader.Open(Golden.Folder("weights", "recipes", name, "expected"));
        bool narrow = (recipe.DType ?? DType.F32) != DType.F32 || recipe.OutDType is DType.BF16 or DType.F16;
        foreach (TensorJob job in plan.Jobs)
        {
            float[] want = PlanRunner.Read(expected.Tensors[job.Output.Name]), got = PlanRunner.Run(job);
            Assert.Equal(want.Length, got.Length);
            for (int i = 0; i < want.Length; i++)
            {
                // mergekit rounds to 16 bits after every operation there; two roundings more than ours.
                double tolerance = narrow ? Math.Abs(want[i]) * 0.012 + 1e-4 : 1e-6 + (1e-5 * Math.Abs(want[i]));
                Assert.True(Math.Abs(want[i] - got[i]) <= tolerance, $"{job.Output.Name}[{i}]: {got[i]} instead of {want[i]}");
            }
        }
    }

    private static MergeRecipe Read(string name) =>
        RecipeReader.ReadFile(Golden.Folder("weights", "recipes", name, "recipe.yml"), RecipeMethods.Options).Documents.Single();
}
