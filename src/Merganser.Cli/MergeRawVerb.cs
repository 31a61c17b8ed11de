using System.CommandLine;
using Merganser.Weights;
using Merganser.Weights.Recipes;
using Merganser.Weights.Tools;

namespace Merganser.Cli;

/// <summary><c>merganser merge-raw recipe.yml out</c></summary>
internal static class MergeRawVerb
{
    private const string Help = """
        Merge files of tensors that are no models: the recipe's models are files.

        Examples:
          merganser merge-raw recipe.yml ./out
          merganser merge-raw recipe.yml ./out --tensor-intersection
        """;

    public static Command Create()
    {
        var recipe = new Argument<string>("recipe") { Description = "the recipe, in mergekit's YAML" };
        var output = new Argument<string>("out") { Description = "the folder of the result" };
        var intersection = new Option<bool>("--tensor-intersection", "-i") { Description = "merge the tensors that all files have" };
        var union = new Option<bool>("--tensor-union", "-u") { Description = "merge all tensors, each from the files that have it" };
        var seed = new Option<ulong>("--seed", "--random-seed") { Description = "seed of random methods" };
        var run = new ToolRun();
        var command = new Command("merge-raw", Help) { recipe, output, intersection, union, seed };
        run.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(intersection) && result.GetValue(union))
                result.AddError("--tensor-intersection and --tensor-union exclude each other");
        });
        command.SetAction((parsed, cancellation) =>
        {
            string folder = parsed.GetRequiredValue(output);
            RawTensorSet set = parsed.GetValue(intersection) ? RawTensorSet.Intersection : parsed.GetValue(union) ? RawTensorSet.Union : RawTensorSet.Equal;
            RecipeSet recipes = RecipeReader.ReadFile(parsed.GetRequiredValue(recipe));
            if (recipes.Documents.Count != 1)
                throw new MerganserException($"{recipes.File}: holds {recipes.Documents.Count} documents; merge-raw takes one");
            using MergePlan plan = RawMerge.Plan(recipes.Documents[0], set, ToolRun.Planning(folder, parsed.GetValue(seed), run.Display(parsed)));
            return Task.FromResult(run.Run("merge-raw", plan, folder, parsed, cancellation));
        });
        return command;
    }
}
