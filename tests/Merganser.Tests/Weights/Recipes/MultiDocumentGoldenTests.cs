using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

public sealed class MultiDocumentGoldenTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases() =>
        Directory.EnumerateDirectories(Golden.Folder("weights", "tools"))
            .Where(folder => Directory.Exists(Path.Combine(folder, "intermediate")))
            .Select(folder => new TheoryDataRow<string>(Path.GetFileName(folder)));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_document_gives_the_tensors_that_mergekit_wrote(string name)
    {
        string folder = Golden.Folder("weights", "tools", name), intermediate = Path.Combine(folder, "intermediate"), output = Path.Combine(folder, "expected");
        IReadOnlyList<RecipeStep> steps = RecipeReader.ReadFile(Path.Combine(folder, "recipe.yml"), RecipeMethods.Options).Steps(intermediate, output);
        Assert.True(steps.Count > 1);
        foreach (RecipeStep step in steps)
        {
            using MergePlan plan = MergePlanner.Plan(step.Recipe, RecipeFolders.Options);
            using Checkpoint expected = CheckpointReader.Open(step.Folder);
            Assert.Equal(expected.Tensors.Keys.Order(StringComparer.Ordinal), plan.Jobs.Select(job => job.Output.Name).Order(StringComparer.Ordinal));
            if (step.Recipe.Method.Name != "linear")
                continue;
            foreach (TensorJob job in plan.Jobs)
            {
                float[] want = PlanRunner.Read(expected.Tensors[job.Output.Name]), got = PlanRunner.Run(job);
                for (int i = 0; i < want.Length; i++)
                    Assert.InRange(got[i], want[i] - 1e-6f - (1e-5f * Math.Abs(want[i])), want[i] + 1e-6f + (1e-5f * Math.Abs(want[i])));
            }
        }
    }
}
