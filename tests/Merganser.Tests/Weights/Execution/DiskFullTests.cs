namespace Merganser.Tests.Weights.Execution;

/// <summary>An output that cannot become as large as it must.</summary>
public sealed class DiskFullTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    public void A_write_that_fails_is_one_line_and_leaves_nothing(int kilobytes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the shell's limit is tried on Linux only");
        foreach ((string name, int seed) in new[] { ("a", 1), ("b", 2) })
            SyntheticModel.Write(_folder[name], seed, layers: 100);
        File.WriteAllText(_folder["recipe.yml"], $"merge_method: linear\nmodels:\n  - {{model: {_folder["a"]}, parameters: {{weight: 1}}}}\n  - {{model: {_folder["b"]}, parameters: {{weight: 1}}}}\n");
        (int code, _, string error) = CommandLine.RunLimited(kilobytes, "merge", _folder["recipe.yml"], _folder["out"], "--quiet");
        Assert.True(code == 1, $"{code}: {error}");
        Assert.Matches(@"^merganser: [^\n]*model.safetensors: [^\n]*\n$", error);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path, "out*"));
    }
}
