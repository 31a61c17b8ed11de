namespace Merganser.Bench;

/// <summary>What is measured, and with what.</summary>
internal sealed record MergeBenchmarkOptions
{
    public required SyntheticModel Model { get; init; }

    public required IReadOnlyList<string> Methods { get; init; }

    public required IReadOnlyList<int> Threads { get; init; }

    public required int Runs { get; init; }

    public required bool Cold { get; init; }

    /// <summary>The folder for the models and the outputs.</summary>
    public required string Work { get; init; }

    /// <summary>The built command line: a dll, or a native binary.</summary>
    public required string CommandLine { get; init; }
}

/// <summary>All runs of one method with one number of threads, and of the floor beside them.</summary>
internal sealed record MergeRow(string Method, int Threads, long Bytes, IReadOnlyList<Measured> Ours, IReadOnlyList<Measured> Floor, Measured? Upstream);

/// <summary>
/// Runs the command line as a process of its own, alternating with the floor: <c>cp</c> of one input and <c>cat</c> of the
/// others. The output is deleted and the disk synchronised before every run; inputs are in the page cache, or (cold) out of it.
/// </summary>
internal static class MergeBenchmark
{
    public static IEnumerable<MergeRow> Run(MergeBenchmarkOptions options, TextWriter log)
    {
        string data = Path.Combine(options.Work, options.Model.Size), output = Path.Combine(options.Work, "output");
        options.Model.Generate(data, seed: 1, log);
        string? mergekit = options.Model.Sparse ? null : FindOnPath("mergekit-yaml");
        foreach (string method in options.Methods)
        {
            MergeRecipe recipe = MergeRecipe.For(method, data);
            string recipePath = Path.Combine(options.Work, $"{method}.yml");
            File.WriteAllText(recipePath, recipe.Yaml);
            long bytes = recipe.InputFiles.Sum(file => new FileInfo(file).Length) + new FileInfo(recipe.InputFiles[0]).Length;
            Measured? upstream = null;
            if (mergekit is not null)
            {
                Prepare(recipe, output, options.Cold);
                upstream = Measured.Run(mergekit, recipePath, output, "--lazy-unpickle", "--random-seed", "1");
            }

            foreach (int threads in options.Threads)
            {
                var ours = new List<Measured>();
                var floor = new List<Measured>();
                for (int run = 0; run < options.Runs; run++)
                {
                    Prepare(recipe, output, options.Cold);
                    floor.Add(RunFloor(recipe, output));
                    Prepare(recipe, output, options.Cold);
                    ours.Add(RunOurs(options.CommandLine, recipePath, output, threads));
                    log.WriteLine($"{method}, {threads} thread(s): {ours[^1].Seconds:0.00} s, floor {floor[^1].Seconds:0.00} s");
                }

                yield return new MergeRow(method, threads, bytes, ours, floor, upstream);
            }
        }

        Delete(output);
    }

    private static Measured RunOurs(string commandLine, string recipe, string output, int threads)
    {
        string[] arguments = ["merge", recipe, output, "--threads", threads.ToString(System.Globalization.CultureInfo.InvariantCulture)];
        return commandLine.EndsWith(".dll", StringComparison.Ordinal) ? Measured.Run("dotnet", [commandLine, .. arguments]) : Measured.Run(commandLine, arguments);
    }

    private static Measured RunFloor(MergeRecipe recipe, string output)
    {
        Directory.CreateDirectory(output);
        Measured copy = Measured.Run("cp", "--reflink=never", "--sparse=never", recipe.InputFiles[0], Path.Combine(output, "copy"));
        if (recipe.InputFiles.Count == 1)
            return copy;

        // Through a shell: to /dev/null, not through a pipe to this process.
        string[] command = ["-c", "exec cat \"$@\" > /dev/null", "cat", .. recipe.InputFiles.Skip(1)];
        Measured read = Measured.Run("/bin/sh", command);
        return new Measured(copy.Seconds + read.Seconds, copy.CpuSeconds + read.CpuSeconds, Math.Max(copy.PeakBytes, read.PeakBytes), 0, 0);
    }

    private static void Prepare(MergeRecipe recipe, string output, bool cold)
    {
        Delete(output);
        Measured.Run("sync");
        foreach (string file in recipe.InputFiles)
        {
            if (cold)
                PageCache.Drop(file);
            else
                PageCache.Warm(file);
        }
    }

    private static void Delete(string output)
    {
        if (Directory.Exists(output))
            Directory.Delete(output, recursive: true);
    }

    private static string? FindOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);
}
