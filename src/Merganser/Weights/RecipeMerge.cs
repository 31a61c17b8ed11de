using Merganser.Weights.Execution;
using Merganser.Weights.Lora;
using Merganser.Weights.Recipes;

namespace Merganser.Weights;

/// <summary>Merges as a recipe file says: reads it, plans every document, runs the plans in the order in which they need one another.</summary>
public static class RecipeMerge
{
    /// <summary>Merges a recipe file of one or several documents.</summary>
    /// <param name="recipe">The recipe file.</param>
    /// <param name="output">The folder that the document without a name makes.</param>
    /// <param name="planning">How recipes are made into plans; defaults when null.</param>
    /// <param name="running">How plans are run; defaults when null.</param>
    /// <returns>What the last run did.</returns>
    /// <exception cref="MerganserException">The recipe or a model cannot be used, or the output cannot be written.</exception>
    public static MergeReport Run(string recipe, string output, PlanOptions? planning = null, MergeRunOptions? running = null)
    {
        running ??= new MergeRunOptions();
        MergeReport? last = null;
        foreach (RecipeStep step in Steps(RecipeReader.ReadFile(recipe), output, intermediate: null).Where(step => !step.IsDone))
        {
            using MergePlan plan = Plan(step, planning ?? new PlanOptions());
            last = MergeExecutor.Run(plan, step.Folder, ForStep(step, running));
        }

        return last!;
    }

    /// <summary>The merges of a recipe in order. Named documents go to <paramref name="intermediate"/>, by default <c>OUTPUT.intermediate</c>, and are made once.</summary>
    public static IReadOnlyList<RecipeStep> Steps(RecipeSet recipes, string output, string? intermediate)
    {
        ArgumentNullException.ThrowIfNull(recipes);
        string folder = intermediate ?? Path.TrimEndingDirectorySeparator(Path.GetFullPath(output)) + ".intermediate";
        // The document that makes the output is always run: whether it may replace a folder is for the executor to say.
        return [.. recipes.Steps(folder, output).Select(step => step.Recipe.Name is null ? step with { IsDone = false } : step)];
    }

    /// <summary>Plans one step; adapters (<c>model+lora</c>) are applied.</summary>
    public static MergePlan Plan(RecipeStep step, PlanOptions planning)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(planning);
        return MergePlanner.Plan(step.Recipe, planning with
        {
            ApplyAdapter = planning.ApplyAdapter ?? LoraOverlay.Overlay,
            Title = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(step.Folder))),
        });
    }

    /// <summary>The options of one step: intermediate results are replaced when their recipe changed, and each step counts its own progress.</summary>
    public static MergeRunOptions ForStep(RecipeStep step, MergeRunOptions running)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(running);
        return running with { Overwrite = running.Overwrite || step.Recipe.Name is not null, Progress = new MergeProgress() };
    }
}
