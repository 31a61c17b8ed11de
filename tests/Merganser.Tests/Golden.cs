namespace Merganser.Tests;

/// <summary>Finds the cases that other programs produced: <c>MERGANSER_GOLDEN</c>, or tests/golden of the repository.</summary>
internal static class Golden
{
    /// <summary>The folder of this repository.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>The root of the golden cases.</summary>
    public static string Root { get; } = Environment.GetEnvironmentVariable("MERGANSER_GOLDEN") is { Length: > 0 } root ? root : Path.Combine(Repository, "tests", "golden");

    /// <summary>A folder of cases.</summary>
    public static string Folder(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRepository()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Merganser.slnx")))
                return folder.FullName;
        }

        throw new InvalidOperationException("the tests must run from inside the repository");
    }
}
