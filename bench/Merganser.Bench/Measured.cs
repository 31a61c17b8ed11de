using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Merganser.Bench;

/// <summary>What one process took. Memory is what was resident at the highest sample; file pages are mapped inputs.</summary>
internal readonly record struct Measured(double Seconds, double CpuSeconds, long PeakBytes, long PeakAnonymousBytes, long PeakFileBytes)
{
    /// <summary>Runs a process to its end and measures it. Processor time needs that no other child ends meanwhile.</summary>
    /// <exception cref="MerganserException">The process failed; with what it wrote.</exception>
    public static Measured Run(string program, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        double cpuBefore = CpuOfEndedChildren();
        long began = Stopwatch.GetTimestamp();
        using Process process = Process.Start(start) ?? throw new MerganserException($"{program}: cannot be started");
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        (long peak, long anonymous, long file) = (0, 0, 0);
        while (!process.WaitForExit(5))
            Sample(process.Id, ref peak, ref anonymous, ref file);
        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new MerganserException($"{program} {string.Join(' ', start.ArgumentList)}: exit code {process.ExitCode}: {errors.Result.Trim()} {output.Result.Trim()}");
        return new Measured(seconds, CpuOfEndedChildren() - cpuBefore, peak, anonymous, file);
    }

    private static void Sample(int process, ref long peak, ref long anonymous, ref long file)
    {
        try
        {
            foreach (string line in File.ReadLines($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/status"))
            {
                if (line.StartsWith("VmHWM:", StringComparison.Ordinal))
                    peak = Math.Max(peak, Kibibytes(line));
                else if (line.StartsWith("RssAnon:", StringComparison.Ordinal))
                    anonymous = Math.Max(anonymous, Kibibytes(line));
                else if (line.StartsWith("RssFile:", StringComparison.Ordinal))
                    file = Math.Max(file, Kibibytes(line));
            }
        }
        catch (IOException)
        {
            // It ended between two samples.
        }
    }

    private static long Kibibytes(string line) => 1024 * long.Parse(line.Split(':', 2)[1].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);

    /// <summary>User and system time of all children that have ended, from the kernel.</summary>
    private static unsafe double CpuOfEndedChildren()
    {
        // struct rusage begins with two timevals; 64-bit Linux: 16 longs in all.
        long* usage = stackalloc long[32];
        const int children = -1;
        return GetResourceUsage(children, usage) == 0 ? usage[0] + usage[2] + 1e-6 * (usage[1] + usage[3]) : double.NaN;
    }

    [DllImport("libc", EntryPoint = "getrusage"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern unsafe int GetResourceUsage(int who, long* usage);
}
