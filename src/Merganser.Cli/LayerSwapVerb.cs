using System.CommandLine;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Recipes;
using Merganser.Weights.Tools;

namespace Merganser.Cli;

/// <summary><c>merganser layer-swap task language out</c></summary>
internal static class LayerSwapVerb
{
    private const string Help = """
        Put a language expert's first and last layers into a task expert (arXiv 2410.01335).

        Examples:
          merganser layer-swap ./math ./swahili ./out --bottom 5 --transition-bottom 1 --top 2 --transition-top 1
          merganser layer-swap ./math ./swahili ./out --base-model ./base --print-yaml

        With --base-model and without --bottom and --top, both are chosen from where the experts changed: leading (and trailing)
        layers whose share of the language expert's change is larger, at most a third of the layers each.
        """;

    public static Command Create()
    {
        var task = new Argument<string>("task") { Description = "the task expert" };
        var language = new Argument<string>("language") { Description = "the language expert" };
        var output = new Argument<string>("out") { Description = "the folder of the result" };
        var baseModel = new Option<string?>("--base-model") { Description = "the model that both come from" };
        var bottom = new Option<int?>("--bottom") { Description = "first layers from the language expert" };
        var top = new Option<int?>("--top") { Description = "last layers from the language expert" };
        var transitionBottom = new Option<int?>("--transition-bottom") { Description = "mixed layers above the bottom" };
        var transitionTop = new Option<int?>("--transition-top") { Description = "mixed layers below the top" };
        var weight = new Option<double>("--transition-weight") { Description = "the language expert's weight in mixed layers", DefaultValueFactory = _ => 0.5 };
        var ends = new Option<SwapEnds>("--ends") { Description = "embeddings, final norm and head: language, task, average or base", DefaultValueFactory = _ => SwapEnds.Language };
        var dtype = new Option<string?>("--dtype") { Description = "the stored type, such as bfloat16; default: the models'" };
        var print = new Option<bool>("--print-yaml") { Description = "print the recipe" };
        var dryRun = new Option<bool>("--dry-run") { Description = "make the recipe only" };
        var run = new ToolRun();
        var command = new Command("layer-swap", Help)
        {
            task, language, output, baseModel, bottom, top, transitionBottom, transitionTop, weight, ends, dtype, print, dryRun,
        };
        run.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            string taskPath = parsed.GetRequiredValue(task), languagePath = parsed.GetRequiredValue(language);
            string? basePath = parsed.GetValue(baseModel);
            using ModelFolder taskModel = ModelFolder.Open(taskPath);
            using ModelFolder languageModel = ModelFolder.Open(languagePath);
            int layers = ModelLayers.Count(taskModel);
            if (ModelLayers.Count(languageModel) is var other && other != layers)
                throw new MerganserException($"{languagePath} has {other} layers, {taskPath} has {layers}; layers can only be swapped between models of one depth");
            LayerSwap swap = parsed.GetValue(bottom) is null && parsed.GetValue(top) is null
                ? Choose(taskModel, languageModel, basePath, layers)
                : new LayerSwap { Bottom = parsed.GetValue(bottom) ?? 0, Top = parsed.GetValue(top) ?? 0 };
            swap = swap with
            {
                TransitionBottom = parsed.GetValue(transitionBottom) ?? swap.TransitionBottom,
                TransitionTop = parsed.GetValue(transitionTop) ?? swap.TransitionTop,
                TransitionWeight = parsed.GetValue(weight),
                Ends = parsed.GetValue(ends),
            };
            if (parsed.GetValue(dtype) is { } type && !DTypes.TryParseTorch(type, out _))
                throw new MerganserException($"--dtype: there is no type '{type}'; use float32, float16 or bfloat16");
            string recipe = swap.ToRecipe(layers, ModelLayers.Outside(taskModel), taskPath, languagePath, basePath, parsed.GetValue(dtype));
            if (parsed.GetValue(print))
                parsed.InvocationConfiguration.Output.Write(recipe);
            if (parsed.GetValue(dryRun))
                return Task.FromResult(0);
            string folder = parsed.GetRequiredValue(output);
            using MergePlan plan = MergePlanner.Plan(RecipeReader.Read(recipe, "layer-swap"), ToolRun.Planning(folder, 0, run.Display(parsed)));
            return Task.FromResult(run.Run("layer-swap", plan, folder, parsed, cancellation));
        });
        return command;
    }

    private static LayerSwap Choose(ModelFolder task, ModelFolder language, string? basePath, int layers)
    {
        if (basePath is null)
        {
            return layers == LayerSwap.PaperLayers
                ? LayerSwap.Paper
                : throw new MerganserException($"say which layers to swap: --bottom and --top, or --base-model to choose them (the paper's 5 and 2 are for {LayerSwap.PaperLayers} layers, these models have {layers})");
        }

        using ModelFolder baseModel = ModelFolder.Open(basePath);
        return LayerSwap.Choose(ChangeMap.Compute(baseModel, task), ChangeMap.Compute(baseModel, language));
    }
}
