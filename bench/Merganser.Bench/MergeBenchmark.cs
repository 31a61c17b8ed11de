namespace Merganser.Bench;

/// <summary>What is measured, and with what.</summary>
internal sealed record MergeBenchmarkOptions
{
    public required SyntheticModel Model { get; init; }

    public required IReadOnlyList<string> Methods { get; init; }

    public required IReadOnlyList<int> Threads { get; init; }

    public required int Runs { get; init; }

    /// <summary>Also measure with the inputs out of the page cache.</summary>
    public required bool Cold { get; init; }

    /// <summary>The folder for the models and the outputs.</summary>
    public required string Work { get; init; }

    public required MergeProgram Program { get; init; }
}

/// <summary>All runs of one method with one number of threads, and of the floor beside them.</summary>
internal sealed record MergeRow(string Method, int Threads, bool Cold, long Bytes, IReadOnlyList<Measured> Ours, IReadOnlyList<Measured> Floor, Measured? Upstream);

/// <summary>
/// Runs the command line as a process of its own, alternating with the floor: <c>cp</c> of one input and <c>cat</c> of the
/// others. The output is deleted and the disk synchronised before every run; inputs are in the page cache, or (cold) out of it.
/// Sparse models are measured once and without a floor: what matters there is the memory.
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
            Measured? upstream = mergekit is null ? null : RunMergekit(mergekit, recipe, recipePath, output, log);
            foreach (bool cold in options.Cold ? (bool[])[false, true] : [false])
            {
                foreach (int threads in options.Threads)
                    yield return Measure(options, recipe, recipePath, output, threads, cold, upstream, log);
            }
        }

        Delete(output);
    }

    private static MergeRow Measure(
        MergeBenchmarkOptions options, MergeRecipe recipe, string recipePath, string output, int threads, bool cold, Measured? upstream, TextWriter log)
    {
        long bytes = recipe.InputFiles.Sum(file => new FileInfo(file).Length) + new FileInfo(recipe.InputFiles[0]).Length;
        var ours = new List<Measured>();
        var floor = new List<Measured>();
        string[] arguments = ["merge", recipePath, output, "--threads", threads.ToString(System.Globalization.CultureInfo.InvariantCulture)];
        for (int run = 0; run < options.Runs; run++)
        {
            if (!options.Model.Sparse)
            {
                Prepare(recipe, output, cold);
                floor.Add(RunFloor(recipe, output));
                Prepare(recipe, output, cold);
            }

            ours.Add(options.Program.Run(arguments));
            log.WriteLine($"{recipe.Method}, {threads} thread(s){(cold ? ", cold" : "")}: {ours[^1].Seconds:0.00} s{(floor.Count > 0 ? $", floor {floor[^1].Seconds:0.00} s" : "")}");
            Delete(output);
        }

        return new MergeRow(recipe.Method, threads, cold, bytes, ours, floor, upstream);
    }

    /// <summary>Null, with a line in the log, when it cannot do this recipe.</summary>
    private static Measured? RunMergekit(string program, MergeRecipe recipe, string recipePath, string output, TextWriter log)
    {
        Prepare(recipe, output, cold: false);
        try
        {
            Measured measured = Measured.Run(program, recipePath, output, "--lazy-unpickle", "--random-seed", "1");
            log.WriteLine($"{recipe.Method}, mergekit: {measured.Seconds:0.0} s, {measured.CpuSeconds:0.0} CPU s");
            return measured;
        }
        catch (MerganserException e)
        {
            log.WriteLine($"{recipe.Method}, no figure for mergekit: {e.Message}");
            return null;
        }
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
