using System.Text.Json;
using System.Xml.Linq;
using Merganser.Experiments;

namespace Merganser.Tests.Experiments;

public sealed class ReproduceVerbTests
{
    public static TheoryData<string> Ids => [.. ExperimentCatalogue.All.Select(experiment => experiment.Id)];

    [Theory]
    [MemberData(nameof(Ids))]
    public void Every_experiment_runs_quickly_and_gives_table_verdict_and_plot(string id)
    {
        using var folder = new TempFolder();
        string models = Path.Combine(Golden.Repository, "models");
        (int code, string output, string error) = CommandLine.Run("reproduce", id, "--quick", "--seed", "3", "--out", folder.Path, "--models", models);
        Assert.True(code == 0, error);
        Assert.Contains(output.Split('\n'), line => line.StartsWith($"{id}: ", StringComparison.Ordinal));
        string page = File.ReadAllText(folder[id + ".md"]);
        Assert.Contains($"`merganser reproduce {id} --quick --seed 3`", page);
        Assert.Contains("| 1 | ", page);
        Assert.True(page.Split('\n').Count(line => line.StartsWith("| ", StringComparison.Ordinal)) > 4, page);
        Assert.Equal("svg", XDocument.Load(folder[id + ".svg"]).Root!.Name.LocalName);
    }

    [Fact]
    public void A_seed_gives_the_same_figures_again()
    {
        string Run() => CommandLine.Run("reproduce", "task-arithmetic", "--quick", "--seed", "5").Output;
        Assert.Equal(Run(), Run());
        Assert.NotEqual(Run(), CommandLine.Run("reproduce", "task-arithmetic", "--quick", "--seed", "9").Output);
    }

    [Fact]
    public void Json_holds_the_figure_of_every_seed()
    {
        (int code, string output, _) = CommandLine.Run("reproduce", "task-arithmetic", "--quick", "--seeds", "3", "--json");
        Assert.Equal(0, code);
        using var document = JsonDocument.Parse(output);
        JsonElement finding = document.RootElement[0].GetProperty("findings")[0];
        Assert.Equal(3, finding.GetProperty("values").GetArrayLength());
        Assert.True(document.RootElement[0].GetProperty("tables")[0].GetProperty("rows").GetArrayLength() >= 3);
    }

    [Theory]
    [InlineData("'tiess'; did you mean 'ties'?", "reproduce", "tiess")]
    [InlineData("--list", "reproduce")]
    [InlineData("--seeds", "reproduce", "ties", "--seeds", "0")]
    public void What_cannot_be_run_is_said_in_one_line(string expected, params string[] arguments)
    {
        (int code, _, string error) = CommandLine.Run(arguments);
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact]
    public void The_list_names_every_experiment()
    {
        (int code, string output, _) = CommandLine.Run("reproduce", "--list");
        Assert.Equal(0, code);
        Assert.All(ExperimentCatalogue.All, experiment => Assert.Contains(experiment.Id, output));
    }
}
