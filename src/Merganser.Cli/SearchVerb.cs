using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Merganser.Checkpoints;
using Merganser.Experiments;
using Merganser.Weights.Execution;
using Merganser.Weights.Recipes;
using Merganser.Weights.Search;

namespace Merganser.Cli;

/// <summary><c>merganser search recipe.yml --over lambda=0.8..1.3</c></summary>
internal static class SearchVerb
{
    private const string Help = """
        Search options of a recipe by CMA-ES for small vision transformers (models/vit28-tasks). Every second image chooses, by the mean
        accuracy over the tasks; the others are looked at once, at the end.
        A range is NAME=LOW..HIGH or NAME=LOW..HIGH@START; the start is the middle otherwise.
        """;

    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var recipe = new Argument<string>("recipe") { Description = "a recipe of one document, with models" };
        var over = new Option<string[]>("--over") { Description = "an option with one value, and its range; may be given several times" };
        var each = new Option<string[]>("--over-each") { Description = "an option with a value for each model, and its range" };
        var budget = new Option<int>("--budget") { Description = "merges to try", DefaultValueFactory = _ => 100 };
        var seed = new Option<ulong>("--seed", "--random-seed") { Description = "seed of the search and of random methods" };
        var folder = new Option<string?>("--out") { Description = "folder for the best merge; nothing is kept without it" };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace the output folder if it exists" };
        var quiet = new Option<bool>("--quiet") { Description = "no progress" };
        Option<string> heads = EvaluateVerb.Heads(), images = EvaluateVerb.Images();
        var command = new Command("search", Help) { recipe, over, each, budget, seed, folder, overwrite, quiet, heads, images };
        command.SetAction((parsed, cancellation) =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            TextWriter error = parsed.GetValue(quiet) ? TextWriter.Null : parsed.InvocationConfiguration.Error;
            RecipeSet recipes = RecipeReader.ReadFile(parsed.GetRequiredValue(recipe));
            if (recipes.Documents.Count != 1)
                throw new MerganserException($"{recipes.File}: holds {recipes.Documents.Count} documents; options are searched in one");
            SearchedParameter[] parameters =
            [
                .. (parsed.GetValue(over) ?? []).Select(text => Parse(text, eachModel: false)),
                .. (parsed.GetValue(each) ?? []).Select(text => Parse(text, eachModel: true)),
            ];
            if (parameters.Length == 0)
                throw new MerganserException("give at least one range: --over lambda=0.8..1.3, or --over-each for a value for each model");
            if (parsed.GetValue(budget) < 1)
                throw new MerganserException($"--budget is {parsed.GetValue(budget)}; it must be at least 1");
            string? kept = parsed.GetValue(folder);
            if (kept is not null && !parsed.GetValue(overwrite) && Path.Exists(kept))
                throw new MerganserException($"{kept}: is there already; give --overwrite to replace it");

            TaskEvaluation evaluation = TaskEvaluation.Open(parsed.GetValue(heads)!, parsed.GetValue(images)!);
            var search = new RecipeSearch(recipes.Documents[0], parameters);
            var planning = new PlanOptions { Seed = parsed.GetValue(seed) };
            var running = new MergeRunOptions { Cancellation = cancellation };
            long started = Stopwatch.GetTimestamp(), said = started;
            EvolutionResult best = search.Run(model => Accuracies(evaluation, model, ImagePart.Validation).Average(), new EvolutionOptions
            {
                Budget = parsed.GetValue(budget),
                Seed = parsed.GetValue(seed),
                Cancellation = cancellation,
                Evaluated = (count, score) =>
                {
                    if (Stopwatch.GetElapsedTime(said) < LineInterval)
                        return;
                    said = Stopwatch.GetTimestamp();
                    error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"search: {count} of {parsed.GetValue(budget)} merges, best {score:0.0000}"));
                },
            }, planning, running);

            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{best.Evaluations} merges in {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s; best validation mean {best.Score:0.0000}"));
            output.WriteLine(search.Describe(best.Coefficients));
            output.WriteLine();
            Report(output, evaluation, recipes.Documents[0], search, best, planning, running, kept);
            return Task.FromResult(0);
        });
        return command;
    }

    /// <summary>The recipe as it stands and as it was found, on the images that the search did not see.</summary>
    private static void Report(
        TextWriter output, TaskEvaluation evaluation, MergeRecipe recipe, RecipeSearch search, EvolutionResult best, PlanOptions planning, MergeRunOptions running, string? kept)
    {
        string folder = Directory.CreateTempSubdirectory("merganser-search-").FullName;
        try
        {
            var rows = new List<(string Name, double[] Accuracies)>();
            string before = Path.Combine(folder, "recipe"), found = kept ?? Path.Combine(folder, "found");
            using (Weights.MergePlan plan = Weights.RecipeMerge.Plan(new RecipeStep(recipe, before, IsDone: false), planning))
                MergeExecutor.Run(plan, before, running with { Progress = new MergeProgress() });
            search.Merge(best.Coefficients, found, planning, running with { Overwrite = true, Progress = new MergeProgress() });
            rows.Add(("recipe, chosen on", Accuracies(evaluation, before, ImagePart.Validation)));
            rows.Add(("found, chosen on", Accuracies(evaluation, found, ImagePart.Validation)));
            rows.Add(("recipe, held out", Accuracies(evaluation, before, ImagePart.Test)));
            rows.Add(("found, held out", Accuracies(evaluation, found, ImagePart.Test)));
            EvaluateVerb.PrintTable(output, evaluation.Tasks, rows);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double[] Accuracies(TaskEvaluation evaluation, string folder, ImagePart part)
    {
        using Checkpoint checkpoint = CheckpointReader.Open(folder);
        return evaluation.Accuracies(new SmallVit(checkpoint), part);
    }

    /// <summary>NAME=LOW..HIGH[@START]</summary>
    private static SearchedParameter Parse(string text, bool eachModel)
    {
        int equals = text.IndexOf('='), dots = text.IndexOf("..", StringComparison.Ordinal), at = text.IndexOf('@');
        double low = double.NaN, high = double.NaN, start = double.NaN;
        bool whole = equals > 0 && dots > equals && Number(text[(equals + 1)..dots], out low) && Number(text[(dots + 2)..(at < 0 ? text.Length : Math.Max(at, dots + 2))], out high)
            && (at < 0 ? Middle(low, high, out start) : Number(text[(at + 1)..], out start));
        if (!whole || !(low < high) || !(start >= low && start <= high))
            throw new MerganserException($"'{text.ReplaceLineEndings(" ")}' is no range; write NAME=LOW..HIGH, for example lambda=0.8..1.3, with @START inside it if you like");
        return new SearchedParameter(text[..equals], eachModel, new CoefficientRange(low, high, start));
    }

    private static bool Number(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    private static bool Middle(double low, double high, out double middle)
    {
        middle = (low + high) / 2;
        return true;
    }
}
