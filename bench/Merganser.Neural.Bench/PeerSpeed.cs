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
            string[] arguments = [Path.Combine(AppContext.BaseDirectory, "transformers_peer.py"), Path.GetFullPath(shape.Folder(work)), format, Text(shape.Prompt), Text(Math.Max(4, shape.New / 4)), Text(Math.Min(2, shape.Repeats)), Text(count)];
            string output = Run("python3", arguments, count) ?? throw new MerganserException("transformers_peer.py failed");
            JsonNode row = JsonNode.Parse(output)!;
            foreach (string kind in (string[])["prefill", "decode"])
                yield return new SpeedRow(shape.Name, kind, format, count, SpeedRow.Transformers, (double)row[kind]!);
        }
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
    private static string? Run(string program, string[] arguments, int threads = 0)
    {
        try
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (string variable in (string[])["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"])
            {
                if (threads > 0)
                    start.Environment[variable] = Text(threads);
            }

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
