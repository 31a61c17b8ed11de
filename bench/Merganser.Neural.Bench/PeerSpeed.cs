using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Merganser.Neural.Bench;

/// <summary>The same work by transformers (a <c>python3</c> on the PATH that has it) and llama.cpp (<c>llama-bench</c> on the PATH).</summary>
internal static class PeerSpeed
{
    public static IEnumerable<SpeedRow> Transformers(ModelShape shape, string work, string format, int[] threads)
    {
        if (format == "int8" || Run("python3", ["-c", "import transformers, torch"]) is null)
            yield break;
        foreach (int count in threads)
        {
            // Torch and its BLAS may each bring threads, and where both do they wait for one another
            // (Debian's OpenBLAS beside OpenMP: three times slower). So both settings run, and the better one counts.
            JsonNode[] results = [.. new[] { count, 1 }.Distinct().Select(own => Measure(shape, work, format, own, count))];
            foreach (string kind in (string[])["prefill", "decode"])
                yield return new SpeedRow(shape.Name, kind, format, count, SpeedRow.Transformers, results.Max(row => (double)row[kind]!));
        }
    }

    private static JsonNode Measure(ModelShape shape, string work, string format, int own, int blas)
    {
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "transformers_peer.py"), Path.GetFullPath(shape.Folder(work)), format, Text(shape.Prompt), Text(Math.Max(4, shape.New / 4)), Text(Math.Min(2, shape.Repeats)), Text(own)];
        string output = Run("python3", arguments, ("OMP_NUM_THREADS", own), ("OPENBLAS_NUM_THREADS", blas), ("MKL_NUM_THREADS", blas)) ?? throw new MerganserException("transformers_peer.py failed");
        return JsonNode.Parse(output)!;
    }

    public static IEnumerable<SpeedRow> LlamaCpp(ModelShape shape, string work, string format, int[] threads)
    {
        foreach (int count in threads)
        {
            // Without a warm-up of its own, which would double the time. Decoding begins behind the prompt.
            string[] common = ["-m", Path.GetFullPath(shape.Gguf(work, format)), "-t", Text(count), "-r", Text(Math.Max(1, shape.Repeats - 3)), "--no-warmup", "-o", "json"];
            foreach ((string kind, string[] what) in ((string, string[])[])[("prefill", ["-p", Text(shape.Prompt), "-n", "0"]), ("decode", ["-p", "0", "-n", Text(shape.New), "-d", Text(shape.Prompt)])])
            {
                if (Run("llama-bench", [.. common, .. what]) is not { } output)
                    yield break;
                JsonNode result = JsonNode.Parse(output[output.IndexOf('[', StringComparison.Ordinal)..])![0]!;
                double best = result["samples_ts"]!.AsArray().Max(sample => (double)sample!);
                yield return new SpeedRow(shape.Name, kind, format, count, SpeedRow.LlamaCpp, best);
            }
        }
    }

    /// <summary>What a program printed, or null if it is not there or failed.</summary>
    private static string? Run(string program, string[] arguments, params ReadOnlySpan<(string Name, int Threads)> environment)
    {
        try
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach ((string name, int count) in environment)
                start.Environment[name] = Text(count);

            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode == 0)
                return output;
            Console.Error.WriteLine($"{program}: exit code {process.ExitCode}: {errors.Result.Trim()}");
            return null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
