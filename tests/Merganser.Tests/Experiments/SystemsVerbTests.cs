using System.Text.Json;
using Merganser.Cli;
using Merganser.Experiments;
using Merganser.Weights;

namespace Merganser.Tests.Experiments;

public sealed class SystemsVerbTests
{
    [Fact]
    public void Every_system_that_is_ready_has_a_command_that_exists()
    {
        string[] verbs = [.. Program.Tree().Subcommands.Select(verb => verb.Name)];
        Assert.All(SystemCatalogue.All, system =>
        {
            Assert.Contains(system.Status, (string[])["ready", "library", "planned"]);
            Assert.Equal(system.Status == "ready", system.Command.Length > 0);
            if (system.Command.Length > 0)
                Assert.Contains(system.Command.Split(' ')[1], verbs);
        });
    }

    [Fact]
    public void Every_method_that_the_catalogue_names_exists()
    {
        const string mark = "merge_method: ";
        Assert.All(SystemCatalogue.All.Where(system => system.Command.Contains(mark, StringComparison.Ordinal)), system =>
        {
            string names = system.Command[(system.Command.IndexOf(mark, StringComparison.Ordinal) + mark.Length)..].TrimEnd(')');
            Assert.All(names.Split(", "), name => Assert.NotNull(MergeMethods.Find(name)));
        });
    }

    [Fact]
    public void Every_experiment_is_one_of_a_system_that_is_there()
    {
        Assert.Equal(SystemCatalogue.All.Count, SystemCatalogue.All.Select(system => system.Id).Distinct().Count());
        Assert.All(ExperimentCatalogue.All, experiment => Assert.Contains(SystemCatalogue.All, system => system.Id == experiment.Id && system.Status != "planned"));
    }

    [Fact]
    public void Json_lists_the_systems_of_a_room()
    {
        (int code, string output, _) = CommandLine.Run("systems", "--room", "weights", "--json");
        Assert.Equal(0, code);
        using var document = JsonDocument.Parse(output);
        Assert.Contains(document.RootElement.EnumerateArray(), system => system.GetProperty("id").GetString() == "ties" && system.GetProperty("experiment").GetBoolean());
        Assert.DoesNotContain(document.RootElement.EnumerateArray(), system => system.GetProperty("id").GetString() == "tome");
    }

    [Fact]
    public void A_room_that_does_not_exist_is_an_error()
    {
        (int code, _, string error) = CommandLine.Run("systems", "--room", "cellar");
        Assert.Equal(1, code);
        Assert.Contains("no system", error);
    }
}
