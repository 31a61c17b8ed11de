using System.CommandLine;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Recipes;
using Merganser.Weights.Tools;

namespace Merganser.Cli;

/// <summary><c>merganser shuffle out -m a -m b</c></summary>
internal static class ShuffleVerb
{
    private const string Help = """
        Take every layer from one of several models at random.

        Examples:
          merganser shuffle ./out -m ./a -m ./b --seed 3
          merganser shuffle ./out -m ./a -m ./b -w 0.7 -w 0.3 --dry-run --print-yaml
        """;

    public static Command Create()
    {
        var output = new Argument<string>("out") { Description = "the folder of the result" };
        var model = new Option<string[]>("--model", "-m") { Description = "a model (repeat)", Required = true };
        var weight = new Option<double[]>("--weight", "-w") { Description = "the weight of a model, in the order of -m (repeat)" };
        var print = new Option<bool>("--print-yaml") { Description = "print the recipe" };
        var write = new Option<string?>("--write-yaml") { Description = "write the recipe to this file" };
        var dryRun = new Option<bool>("--dry-run") { Description = "make the recipe only" };
        var half = new Option<bool>("--fp16") { Description = "store float16 instead of what the models store" };
        var full = new Option<bool>("--full-random") { Description = "draw layers from anywhere: of each model its weight's share of layers" };
        var seed = new Option<ulong>("--seed", "--random-seed") { Description = "the seed" };
        var run = new ToolRun();
        var command = new Command("shuffle", Help) { output, model, weight, print, write, dryRun, half, full, seed };
        command.Aliases.Add("layershuffle");
        run.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            string[] models = parsed.GetRequiredValue(model);
            double[]? weights = parsed.GetValue(weight) is { Length: > 0 } given ? given : null;
            int layers = CountLayers(models);
            string recipe = LayerShuffle.ToRecipe(models, weights, layers, parsed.GetValue(full), parsed.GetValue(seed), parsed.GetValue(half) ? "float16" : null);
            if (parsed.GetValue(print))
                parsed.InvocationConfiguration.Output.Write(recipe);
            if (parsed.GetValue(write) is { } file)
                TextFile.Write(file, recipe);
            if (parsed.GetValue(dryRun))
                return Task.FromResult(0);
            string folder = parsed.GetRequiredValue(output);
            using MergePlan plan = MergePlanner.Plan(RecipeReader.Read(recipe, "shuffle"), ToolRun.Planning(folder, parsed.GetValue(seed), run.Display(parsed)));
            return Task.FromResult(run.Run("shuffle", plan, folder, parsed, cancellation));
        });
        return command;
    }

    private static int CountLayers(string[] models)
    {
        int layers = 0;
        for (int i = 0; i < models.Length; i++)
        {
            using ModelFolder folder = ModelFolder.Open(models[i]);
            int count = ModelLayers.Count(folder);
            if (i > 0 && count != layers)
                throw new MerganserException($"{models[i]} has {count} layers, {models[0]} has {layers}; only models of one depth can be shuffled");
            layers = count;
        }

        return layers;
    }
}
