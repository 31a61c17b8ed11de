using Merganser.Tests.Cli;

namespace Merganser.Neural.Tests.Cli;

/// <summary>The pages in docs/ show real runs of verbs that compute with models, in blocks of their own since the managed program cannot run them.</summary>
public sealed class NeuralPagesTests
{
    private const string Fence = "```shell-session";

    public static TheoryData<string> Pages() => ConsolePage.With(Fence);

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_command_of_a_page_prints_what_the_page_says(string page) => ConsolePage.Run(page, Fence, Path.Combine(AppContext.BaseDirectory, "Merganser.Cli.Neural.dll"));
}
