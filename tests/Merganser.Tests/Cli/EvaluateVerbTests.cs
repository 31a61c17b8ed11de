using System.Text.Json.Nodes;

namespace Merganser.Tests.Cli;

public sealed class EvaluateVerbTests
{
    private static readonly string Family = Path.Combine(Golden.Repository, "models", "vit28-tasks");

    private static string[] Evaluate(params string[] arguments) =>
        ["evaluate", "--heads", Path.Combine(Family, "heads.safetensors"), "--images", Path.Combine(Family, "images"), .. arguments];

    [Fact]
    public void The_table_has_a_row_per_model_and_a_column_per_task()
    {
        string expert = Path.Combine(Family, "ft-digits-8x8");
        (int code, string output, _) = CommandLine.Run(Evaluate(expert));
        Assert.Equal(0, code);
        string[] lines = output.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Equal(["weights", "digits-8x8", "fashion-mnist", "mnist", "omniglot-136", "pneumonia-mnist", "quickdraw-3", "mean"], lines[0].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["ft-digits-8x8", "0.981"], lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[..2]);

        (_, output, _) = CommandLine.Run(Evaluate(expert, "--json"));
        Assert.Equal(0.981, (double)JsonNode.Parse(output)![expert]!["digits-8x8"]!, 1e-3);
    }

    [Fact]
    public void A_model_of_another_family_is_refused_in_one_line()
    {
        (int code, _, string error) = CommandLine.Run(Evaluate(Path.Combine(Family, "heads.safetensors")));
        Assert.Equal(1, code);
        Assert.Contains("has no tensor 'patch.weight'", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact]
    public void Missing_images_are_named()
    {
        (int code, _, string error) = CommandLine.Run("evaluate", Path.Combine(Family, "base"), "--heads", Path.Combine(Family, "heads.safetensors"), "--images", "nowhere");
        Assert.Equal(1, code);
        Assert.Contains("nowhere", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }
}
