using Merganser.Cli.Neural;
using Merganser.Neural.Models;
using Merganser.Tests;

namespace Merganser.Neural.Tests.Training;

/// <summary>The verb <c>train</c> from the command line.</summary>
[Collection(ThreadCount.Name)]
public sealed class TrainVerbTests
{
    private static readonly string Model = Path.Combine(Golden.Repository, "models", "bytellama-140k", "base");

    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = Merganser.Cli.Program.Run(args, output, error, NeuralVerbs.All);
        return (code, output.ToString(), error.ToString());
    }

    private static string Recipe(TempFolder folder, params string[] lines)
    {
        File.WriteAllText(folder["words.txt"], string.Concat(Enumerable.Repeat("the cat sat on the mat. ", 40)));
        File.WriteAllText(folder["recipe.yml"], $"model: {Model}\ntrain: words.txt\n{string.Join('\n', lines)}\n");
        return folder["recipe.yml"];
    }

    [Fact]
    public void A_decoder_learns_a_text_and_its_folder_loads()
    {
        using var folder = new TempFolder();
        string recipe = Recipe(folder, "evaluate: words.txt", "context: 24", "steps: 12", "batch_size: 4", "learning_rate: 3e-3", "evaluate_every: 6");
        (int code, string output, string error) = Run("train", recipe, folder["out"], "--threads", "1");
        Assert.True(code == 0, error);
        Assert.Contains("12 steps", output, StringComparison.Ordinal);
        string[] rows = File.ReadAllLines(Path.Combine(folder["out"], "training.csv"));
        Assert.Equal(13, rows.Length);
        Assert.Contains("<svg", File.ReadAllText(Path.Combine(folder["out"], "training.svg")), StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["out.partial"]));
        PretrainedModel.Load<CausalLm>(folder["out"]).Dispose();
        Assert.Equal(0, Run("generate", folder["out"], "the", "-n", "5").Code);
    }

    [Fact]
    public void A_dry_run_writes_nothing()
    {
        using var folder = new TempFolder();
        Assert.Equal(0, Run("train", Recipe(folder, "context: 24"), folder["out"], "--dry-run").Code);
        Assert.False(Directory.Exists(folder["out"]));
        Assert.False(Directory.Exists(folder["out.partial"]));
    }

    [Theory]
    [InlineData("learning_rat: 1", "recipe.yml:3:1", "learning_rate")]
    [InlineData("optimizer: adamv", "recipe.yml:3:12", "adamw")]
    [InlineData("steps: many", "recipe.yml:3:8", "whole number")]
    [InlineData("context: 100000", "context", "model's")]
    public void A_wrong_line_gives_one_line_with_its_place(string line, params string[] parts)
    {
        using var folder = new TempFolder();
        (int code, _, string error) = Run("train", Recipe(folder, line), folder["out"]);
        Assert.Equal(1, code);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.All(parts, part => Assert.Contains(part, error, StringComparison.Ordinal));
    }
}
