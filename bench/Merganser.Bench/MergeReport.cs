using System.Globalization;
using System.Runtime.InteropServices;

namespace Merganser.Bench;

/// <summary>Prints measured merges as a page in Markdown.</summary>
internal static class MergeReport
{
    private const double Megabyte = 1e6;

    /// <summary>
    /// CPU seconds of mergekit on the same shapes and recipes, measured elsewhere (torch 2.14 on a 2-core AMD EPYC virtual machine,
    /// 2 threads, <c>--lazy-unpickle</c>): shown where mergekit is not on this machine.
    /// </summary>
    private static readonly Dictionary<string, double> PublishedCpuSeconds = new(StringComparer.Ordinal)
    {
        ["linear"] = 27,
        ["slerp"] = 36,
        ["task_arithmetic"] = 31,
        ["dare_ties"] = 93,
        ["ties"] = 236,
        ["sce"] = 265,
        ["della"] = 325,
    };

    /// <summary>Where and with what the following tables were measured.</summary>
    public static void WriteMachine(MergeProgram program, TextWriter output)
    {
        output.WriteLine(FormattableString.Invariant($"{Cpu()}, {Environment.ProcessorCount} logical cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0} GB memory, {RuntimeInformation.OSDescription}, {DateTime.UtcNow:yyyy-MM-dd}."));
        output.WriteLine($"Measured program: {program.Description}.");
    }

    /// <summary>Times beside the floor.</summary>
    public static void WriteTimes(MergeBenchmarkOptions options, IReadOnlyList<MergeRow> rows, TextWriter output)
    {
        SyntheticModel model = options.Model;
        output.WriteLine($"## {model.Size}");
        output.WriteLine();
        output.WriteLine(FormattableString.Invariant($"{model.Parameters:N0} bf16 weights per model ({2 * model.Parameters / 1e9:0.0} GB), Llama-shaped, synthetic; inputs in the page cache{(options.Cold ? " (warm) or dropped from it (cold)" : "")}; output deleted and disk synchronised before every run; {options.Runs} runs, alternating with the floor (`cp` of one input, `cat` of the others to null)."));
        output.WriteLine();
        output.WriteLine("| method | inputs | threads | s, best (median) | GB/s, best | floor s, best (median) | floor / ours, best (median) | CPU s | mergekit CPU s | CPU ratio | peak MB anonymous | peak MB file pages |");
        output.WriteLine("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (MergeRow row in rows)
            output.WriteLine(Line(model, row));
        output.WriteLine();
        output.WriteLine("Reading: \"floor / ours\" above 1 means faster than copying. CPU is user + system of all threads, start-up included, median. A mergekit figure with * is upstream's, measured elsewhere on the same shapes and recipe, not on this machine.");
    }

    /// <summary>Memory for models of several sizes.</summary>
    public static void WriteMemory(IReadOnlyList<(SyntheticModel Model, MergeRow Row)> rows, TextWriter output)
    {
        output.WriteLine("## Peak memory");
        output.WriteLine();
        output.WriteLine("Llama-shaped bf16 models in sparse files (all zeros), so the times are not those of real models; sampled every 5 ms.");
        output.WriteLine();
        output.WriteLine("| method | model | threads | peak MB resident | of it anonymous | of it file pages | s |");
        output.WriteLine("|---|--:|--:|--:|--:|--:|--:|");
        foreach ((SyntheticModel model, MergeRow row) in rows)
        {
            Measured run = row.Ours.MaxBy(run => run.PeakBytes);
            output.WriteLine(FormattableString.Invariant($"| {row.Method} | {2 * model.Parameters / 1e9:0.0} GB | {row.Threads} | {run.PeakBytes / Megabyte:0} | {run.PeakAnonymousBytes / Megabyte:0} | {run.PeakFileBytes / Megabyte:0} | {run.Seconds:0.0} |"));
        }
    }

    private static string Line(SyntheticModel model, MergeRow row)
    {
        (double best, double median) = Seconds(row.Ours);
        (double floorBest, double floorMedian) = Seconds(row.Floor);
        double cpu = Median(row.Ours.Select(run => run.CpuSeconds));
        string upstream = "–", ratio = "–";
        if (row.Upstream is { } measured)
            (upstream, ratio) = (Number(measured.CpuSeconds, "0.0"), Number(measured.CpuSeconds / cpu, "0"));
        else if (model.Size == "1.1b" && PublishedCpuSeconds.TryGetValue(row.Method, out double published))
            (upstream, ratio) = (Number(published, "0") + "*", Number(published / cpu, "0") + "*");
        return FormattableString.Invariant($"| {row.Method} | {(row.Cold ? "cold" : "warm")} | {row.Threads} | {best:0.00} ({median:0.00}) | {row.Bytes / best / 1e9:0.0} | {floorBest:0.00} ({floorMedian:0.00}) | {floorBest / best:0.00} ({floorMedian / median:0.00}) | {cpu:0.00} | {upstream} | {ratio} | {row.Ours.Max(run => run.PeakAnonymousBytes) / Megabyte:0} | {row.Ours.Max(run => run.PeakFileBytes) / Megabyte:0} |");
    }

    private static (double Best, double Median) Seconds(IReadOnlyList<Measured> runs) => (runs.Min(run => run.Seconds), Median(runs.Select(run => run.Seconds)));

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Cpu()
    {
        try
        {
            string? line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal));
            return line?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
        }
        catch (IOException)
        {
            return RuntimeInformation.ProcessArchitecture.ToString();
        }
    }
}
