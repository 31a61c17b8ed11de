using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary><c>tokenizer bench</c>: how fast a tokenizer is here.</summary>
internal static class TokenizerBenchVerb
{
    private const int DocumentCharacters = 4096;

    public static Command Create()
    {
        Argument<string> source = TokenizerVerb.Source();
        var files = new Option<string[]>("--file", "-f") { Description = "the text to encode; may be given several times", Required = true };
        var runs = new Option<int>("--runs") { Description = "runs of which the best counts", DefaultValueFactory = _ => 3 };
        var threads = new Option<int>("--threads") { Description = "threads of the last row; 0 for one per core", DefaultValueFactory = _ => 0 };
        var command = new Command("bench", "Measure how fast a tokenizer encodes a text") { source, files, runs, threads };
        command.SetAction(parsed =>
        {
            var clock = Stopwatch.StartNew();
            Tokenizer tokenizer = Tokenizer.Load(parsed.GetRequiredValue(source));
            double loading = clock.Elapsed.TotalSeconds;
            string[] documents = [.. parsed.GetRequiredValue(files).SelectMany(NamedTextFile.Read).SelectMany(text => Cut(text.Text))];
            long bytes = documents.Sum(document => (long)System.Text.Encoding.UTF8.GetByteCount(document));
            if (bytes == 0)
                throw new MerganserException("the text is empty");
            int repeats = Math.Clamp(parsed.GetValue(runs), 1, 1000);
            int cores = parsed.GetValue(threads) > 0 ? parsed.GetValue(threads) : Environment.ProcessorCount;
            long tokens = 0;
            var options = new EncodeOptions { AddSpecialTokens = false, Truncate = false, Pad = false };
            var table = new TextTable("work", "threads", "MB/s", "million tokens/s");
            void Measure(string name, int used, Func<long> work)
            {
                double best = double.MaxValue;
                for (int run = 0; run <= repeats; run++)
                {
                    clock.Restart();
                    tokens = work();
                    best = run == 0 && repeats > 1 ? best : Math.Min(best, clock.Elapsed.TotalSeconds);
                }

                table.Add(name, used.ToString(CultureInfo.InvariantCulture), (bytes / best / 1e6).ToString("F1", CultureInfo.InvariantCulture), (tokens / best / 1e6).ToString("F2", CultureInfo.InvariantCulture));
            }

            Measure("ids", 1, () => documents.Sum(document => (long)tokenizer.EncodeToIds(document, addSpecialTokens: false).Length));
            Measure("count", 1, () => documents.Sum(document => (long)tokenizer.CountTokens(document, addSpecialTokens: false)));
            Measure("ids and offsets", 1, () => documents.Sum(document => (long)tokenizer.Encode(document, null, options).Count));
            Measure("ids and offsets", cores, () => tokenizer.EncodeBatch(documents, options with { MaxThreads = cores }).Sum(encoding => (long)encoding.Count));
            TextWriter output = parsed.InvocationConfiguration.Output;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"loaded in {loading:F2} s; {documents.Length:N0} documents, {bytes:N0} bytes, {tokens:N0} tokens; best of {repeats}"));
            table.Print(output, 1);
        });
        return command;
    }

    /// <summary>Documents of about 4 kB that end with a line.</summary>
    private static IEnumerable<string> Cut(string text)
    {
        for (int start = 0; start < text.Length;)
        {
            int end = Math.Min(text.Length, start + DocumentCharacters);
            int line = end < text.Length ? text.IndexOf('\n', end - 1) : -1;
            end = line < 0 ? text.Length : line + 1;
            yield return text[start..end];
            start = end;
        }
    }
}
