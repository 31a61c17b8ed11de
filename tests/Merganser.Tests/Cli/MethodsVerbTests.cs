using Merganser.Weights;

namespace Merganser.Tests.Cli;

public sealed class MethodsVerbTests
{
    [Fact]
    public void All_methods_are_listed_and_each_can_be_looked_up()
    {
        (int code, string list, _) = CommandLine.Run("methods");
        Assert.Equal(0, code);
        foreach (MergeMethod method in MergeMethods.All)
        {
            Assert.Contains(method.Name, list, StringComparison.Ordinal);
            (code, string details, _) = CommandLine.Run("methods", method.Name);
            Assert.Equal(0, code);
            Assert.Contains(method.Paper, details, StringComparison.Ordinal);
            foreach (MethodParameter parameter in method.Parameters)
                Assert.Contains($"  {parameter.Name}", details, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_unknown_method_is_refused_in_one_line()
    {
        (int code, _, string error) = CommandLine.Run("methods", "blend");
        Assert.Equal(1, code);
        Assert.Equal("merganser: there is no merge method 'blend'; 'merganser methods' lists all", error.TrimEnd());
    }
}
