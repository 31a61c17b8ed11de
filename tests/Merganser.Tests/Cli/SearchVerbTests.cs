using Merganser.Checkpoints;
using Merganser.Weights.Recipes;
using Merganser.Weights.Search;

namespace Merganser.Tests.Cli;

public sealed class SearchVerbTests : IDisposable
{
    private static readonly string Family = Path.Combine(Golden.Repository, "models", "vit28-tasks");
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_factors_of_pcb_are_searched_and_the_best_merge_is_kept()
    {
        string recipe = Recipe("pcb", "pneumonia-mnist", "digits-8x8");
        string[] arguments = [recipe, "--over-each", "lambda=0.8..1.3@1", "--budget", "7", "--out", _folder["best"]];
        (int code, string output, string error) = Run(arguments);
        Assert.True(code == 0, error);
        Assert.StartsWith("7 merges in ", output, StringComparison.Ordinal);
        string[] lines = output.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Count(line => line.Contains("parameters: {lambda: ", StringComparison.Ordinal)));
        string[] rows = [.. lines[^4..].Select(line => line.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1])];
        Assert.True(string.CompareOrdinal(rows[1], "0.0") > 0 && double.Parse(rows[1], System.Globalization.CultureInfo.InvariantCulture) > 0.2, output);

        // What is kept is a merge with the numbers that were printed.
        File.WriteAllText(_folder["found.yml"], File.ReadAllText(recipe)[..File.ReadAllText(recipe).IndexOf("models:", StringComparison.Ordinal)] + string.Join('\n', lines[1..4]) + "\ndtype: float32\n");
        Assert.Equal(0, CommandLine.Run("merge", _folder["found.yml"], _folder["again"], "--quiet").ExitCode);
        using Checkpoint best = CheckpointReader.Open(_folder["best"]), again = CheckpointReader.Open(_folder["again"]);
        foreach ((string name, TensorSource tensor) in best.Tensors)
        {
            float[] wanted = tensor.ReadSingles(), found = again.Tensors[name].ReadSingles();
            for (int i = 0; i < wanted.Length; i++)
                Assert.Equal(wanted[i], found[i], 1e-4f);
        }

        Assert.Contains("--overwrite", Run(arguments).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_seed_finds_the_same_and_the_result_is_never_worse_than_the_start()
    {
        MergeRecipe recipe = RecipeReader.ReadFile(Recipe("task_arithmetic", "mnist", "quickdraw-3")).Documents[0];
        var search = new RecipeSearch(recipe, [new SearchedParameter("weight", true, new CoefficientRange(0, 1, 0.4)), new SearchedParameter("lambda", false, new CoefficientRange(0.5, 1.5, 1))]);
        Assert.Equal(3, search.Ranges.Count);
        double Score(string folder)
        {
            using Checkpoint model = CheckpointReader.Open(folder);
            return -model.Tensors.Values.Sum(tensor => tensor.ReadSingles().Sum(Math.Abs));
        }

        EvolutionResult first = search.Run(Score, new EvolutionOptions { Budget = 8 }), second = search.Run(Score, new EvolutionOptions { Budget = 8 }), start = search.Run(Score, new EvolutionOptions { Budget = 1 });
        Assert.Equal(first.Coefficients.AsSpan(), second.Coefficients.AsSpan());
        Assert.True(first.Score >= start.Score);
        Assert.Equal([0.4, 0.4, 1], start.Coefficients);
    }

    [Theory]
    [InlineData("--over", "lambda=1..0", "no range")]
    [InlineData("--over", "lambda=0..1@2", "no range")]
    [InlineData("--over", "lambda", "no range")]
    [InlineData("--over", "lambada=0..1", "lambda")]
    [InlineData("--over", "variant=0..1", "no number")]
    [InlineData("--over-each", "pcb_ratio=0.1..1", "one value")]
    [InlineData("--over", "pcb_ratio=0..2", "pcb_ratio")]
    [InlineData("--budget", "0", "range|budget")]
    public void What_cannot_be_searched_is_refused_in_one_line(string option, string value, string expected)
    {
        (int code, _, string error) = Run(Recipe("pcb", "mnist", "quickdraw-3"), option, value);
        Assert.Equal(1, code);
        Assert.Matches(expected, error);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    private static (int ExitCode, string Output, string Error) Run(params string[] arguments) =>
        CommandLine.Run(["search", "--heads", Path.Combine(Family, "heads.safetensors"), "--images", Path.Combine(Family, "images"), .. arguments]);

    private string Recipe(string method, params string[] tasks)
    {
        File.WriteAllText(_folder["recipe.yml"], $"merge_method: {method}\nbase_model: {Family}/base\nmodels:\n{string.Concat(tasks.Select(task => $"  - model: {Family}/ft-{task}\n"))}dtype: float32\n");
        return _folder["recipe.yml"];
    }
}
