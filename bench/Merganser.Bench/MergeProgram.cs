namespace Merganser.Bench;

/// <summary>The program that is measured: a native binary, or a library that the .NET runtime runs.</summary>
internal sealed record MergeProgram(string Path, string Description)
{
    /// <summary>A program that was built before.</summary>
    /// <exception cref="MerganserException">There is no such file.</exception>
    public static MergeProgram At(string path)
    {
        if (!File.Exists(path))
            throw new MerganserException($"{path}: there is no such program; build it, or leave --cli out to measure what ./merganser builds");
        return new(path, IsLibrary(path) ? $"{System.IO.Path.GetFileName(path)} on the .NET runtime" : $"the native binary {System.IO.Path.GetFileName(path)}");
    }

    /// <summary>What <c>./merganser</c> runs; built if it is not there or older than the sources.</summary>
    public static MergeProgram OfLauncher(TextWriter log)
    {
        string repository = Repository();
        log.WriteLine("asking ./merganser for its build");
        Measured.Run(System.IO.Path.Combine(repository, "merganser"), "--version");
        bool managed = Environment.GetEnvironmentVariable("MERGANSER_BUILD") == "managed";
        string folder = System.IO.Path.Combine(repository, "artifacts", managed ? "cli-managed" : "cli");
        string native = System.IO.Path.Combine(folder, "merganser");
        return File.Exists(native)
            ? new(native, "the launcher's native binary")
            : new(System.IO.Path.Combine(folder, "Merganser.Cli.dll"), "the launcher's build for the .NET runtime");
    }

    /// <summary>Runs it to its end.</summary>
    public Measured Run(params IEnumerable<string> arguments) => IsLibrary(Path) ? Measured.Run("dotnet", [Path, .. arguments]) : Measured.Run(Path, arguments);

    private static bool IsLibrary(string path) => path.EndsWith(".dll", StringComparison.Ordinal);

    private static string Repository()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = System.IO.Path.GetDirectoryName(folder))
        {
            if (File.Exists(System.IO.Path.Combine(folder, "Merganser.slnx")))
                return folder;
        }

        throw new MerganserException("the repository was not found above this program; name the command line with --cli");
    }
}
