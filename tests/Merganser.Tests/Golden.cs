namespace Merganser.Tests;

/// <summary>Where the golden files are: <c>MERGANSER_GOLDEN</c>, or <c>tests/golden</c> of the repository.</summary>
internal static class Golden
{
    /// <summary>The folder of the repository.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>The folder of the golden files.</summary>
    public static string Root { get; } = Environment.GetEnvironmentVariable("MERGANSER_GOLDEN") is { Length: > 0 } root ? root : Path.Combine(Repository, "tests", "golden");

    /// <summary>A folder of golden files.</summary>
    public static string Folder(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRepository()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Merganser.slnx")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException("the tests must run from a folder inside the repository");
    }
}
