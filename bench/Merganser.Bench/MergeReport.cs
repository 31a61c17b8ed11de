using System.Globalization;
using System.Runtime.InteropServices;

namespace Merganser.Bench;

/// <summary>Prints measured merges as a page in Markdown.</summary>
internal static class MergeReport
{
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

    public static void Write(MergeBenchmarkOptions options, IReadOnlyList<MergeRow> rows, TextWriter output)
    {
        SyntheticModel model = options.Model;
        output.WriteLine(FormattableString.Invariant($"## {model.Size}{(options.Cold ? ", cold" : "")}"));
        output.WriteLine();
        output.WriteLine(FormattableString.Invariant($"{model.Parameters:N0} bf16 weights per model ({2 * model.Parameters / 1e9:0.0} GB), Llama-shaped{(model.Sparse ? ", sparse files (all zeros)" : ", synthetic")}; inputs {(options.Cold ? "dropped from" : "in")} the page cache; output deleted and disk synchronised before every run; {options.Runs} runs, alternating with the floor (`cp` of one input, `cat` of the others to null)."));
        output.WriteLine(FormattableString.Invariant($"{Cpu()}, {Environment.ProcessorCount} logical cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0} GB memory, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, {DateTime.UtcNow:yyyy-MM-dd}."));
        output.WriteLine();
        output.WriteLine("| method | threads | s, best (median) | GB/s, best | floor s, best (median) | floor / ours, best (median) | CPU s | mergekit CPU s | CPU ratio | peak MB anonymous | peak MB file pages |");
        output.WriteLine("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        foreach (MergeRow row in rows)
            output.WriteLine(Line(model, row));
        output.WriteLine();
        output.WriteLine("Reading: \"floor / ours\" above 1 means faster than copying. CPU is user + system of all threads, start-up included, median. A mergekit figure with * is upstream's, measured elsewhere on the same shapes and recipe, not on this machine.");
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
        double megabyte = 1e6;
        return FormattableString.Invariant($"| {row.Method} | {row.Threads} | {best:0.00} ({median:0.00}) | {row.Bytes / best / 1e9:0.0} | {floorBest:0.00} ({floorMedian:0.00}) | {floorBest / best:0.00} ({floorMedian / median:0.00}) | {cpu:0.00} | {upstream} | {ratio} | {row.Ours.Max(run => run.PeakAnonymousBytes) / megabyte:0} | {row.Ours.Max(run => run.PeakFileBytes) / megabyte:0} |");
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
