using Merganser.Cli;

namespace Merganser.Tests.Cli;

/// <summary>The README and the pages in docs/ show real runs.</summary>
public sealed class ReadmeTests
{
    private const string Fence = "```console";
    private static readonly string Readme = Path.Combine(Golden.Repository, "README.md");

    public static TheoryData<string> Pages() => ConsolePage.With(Fence);

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_command_of_a_page_prints_what_the_page_says(string page) => ConsolePage.Run(page, Fence, Path.Combine(AppContext.BaseDirectory, "Merganser.Cli.dll"));

    [Fact]
    public void The_table_of_methods_is_that_of_the_registry()
    {
        string[] lines = File.ReadAllLines(Readme);
        int start = Array.IndexOf(lines, "<!-- methods -->"), end = Array.IndexOf(lines, "<!-- /methods -->");
        Assert.True(start >= 0 && end > start, "the README has no table between <!-- methods --> and <!-- /methods -->");
        using var table = new StringWriter { NewLine = "\n" };
        MethodsVerb.PrintMarkdown(table);
        string shown = string.Join('\n', lines[(start + 1)..end]) + "\n";
        Assert.True(shown == table.ToString(), $"put the output of 'merganser methods --markdown' between the two marks; it is\n{table}");
    }

    [Theory]
    [InlineData("a b", "a b", true)]
    [InlineData("a … c", "a 12 c", true)]
    [InlineData("a … c", "a 12 d", false)]
    [InlineData("…s", "0.1 s", true)]
    [InlineData("a\n…\nz", "a\nz", true)]
    [InlineData("a\n…\nz", "a\nb\nc\nz", true)]
    [InlineData("a\n…\nz", "a\nb\nc", false)]
    [InlineData("a", "a\nb", false)]
    public void An_ellipsis_stands_for_anything_and_nothing_else_does(string expected, string actual, bool matches) =>
        Assert.Equal(matches, ConsolePage.Match(expected.Split('\n'), actual.Split('\n')));
}
