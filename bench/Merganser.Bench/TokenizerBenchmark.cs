using System.Diagnostics;
using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Bench;

/// <summary>What is measured, and with what.</summary>
internal sealed class TokenizerBenchmarkOptions
{
    public required string Vocabularies { get; init; }

    public required string[] Names { get; init; }

    public required string[] TextFolders { get; init; }

    public required int Runs { get; init; }

    public required bool WithPeers { get; init; }

    /// <summary>The corpora to use: en, mix.</summary>
    public string[] Corpora { get; init; } = ["en", "mix"];
}

/// <summary>Speed of encoding: megabytes of UTF-8 per second of processor time, so that a busy machine does not count.</summary>
internal static class TokenizerBenchmark
{
    public static void Run(TokenizerBenchmarkOptions options, TextWriter page, TextWriter progress)
    {
        progress.WriteLine("collecting text");
        var corpora = new List<TokenizerCorpus>();
        if (options.Corpora.Contains("en"))
            corpora.Add(TokenizerCorpus.English(options.TextFolders));
        if (options.Corpora.Contains("mix"))
            corpora.Add(TokenizerCorpus.Mixed(options.TextFolders));
        foreach (TokenizerCorpus corpus in corpora)
            page.WriteLine(string.Create(CultureInfo.InvariantCulture, $"- `{corpus.Name}`: {corpus.Bytes / 1e6:0.0} MB in {corpus.Documents.Length} documents; {corpus.Source}."));
        string[] python = options.WithPeers ? PythonPeers.Find() : [];
        if (options.WithPeers)
            page.WriteLine(python.Length == 2 ? "- HF tokenizers and tiktoken run in Python on one thread, processor time of that process." : $"- {(python.Length == 0 ? "Neither HF tokenizers nor tiktoken" : $"Of HF tokenizers and tiktoken only {python[0]}")} could be imported by the python3 on the PATH: the other rows are left out.");
        page.WriteLine();
        page.WriteLine("| text | vocabulary | encoder | ids, 1 thread | ids, 2 threads (wall, both) | with offsets | count | times the best peer (ids) | ids |");
        page.WriteLine("|---|---|---|---|---|---|---|---|---|");
        foreach (string name in options.Names)
        {
            string? json = FindVocabulary(options, name, progress);
            foreach (TokenizerCorpus corpus in corpora)
                Measure(options, corpus, name, json, python.Length > 0, page, progress);
        }
    }

    private static void Measure(TokenizerBenchmarkOptions options, TokenizerCorpus corpus, string name, string? json, bool withPython, TextWriter page, TextWriter progress)
    {
        double peer = 0;
        string? reference = null;
        string Agreement(string hash)
        {
            string said = reference is null ? "" : reference == hash ? "the same" : "differ";
            reference ??= hash;
            return said;
        }

        if (withPython && json is not null)
        {
            progress.WriteLine($"{corpus.Name} {name} python3");
            string ranks = Path.Combine(options.Vocabularies, name + ".tiktoken");
            foreach (PythonRow row in PythonPeers.Run(corpus, json, File.Exists(ranks) ? ranks : null, Pattern(name)))
            {
                peer = Math.Max(peer, row.Ids);
                page.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {corpus.Name} | {name} | {row.Name} | {row.Ids:0.0} | – | {Rate(row.Offsets)} | – |  | {Agreement(row.Hash)} |"));
            }
        }

        foreach (TokenizerSubject subject in Subjects(options, name, json))
        {
            progress.WriteLine($"{corpus.Name} {name} {subject.Name}");
            double ids = Best(options.Runs, corpus, 1, subject, static (s, c, d) => s.Ids(c, d), out _);
            Best(options.Runs, corpus, 2, subject, static (s, c, d) => s.Ids(c, d), out double two);
            double offsets = Best(options.Runs, corpus, 1, subject, static (s, c, d) => s.Offsets(c, d), out _);
            double count = Best(options.Runs, corpus, 1, subject, static (s, c, d) => s.Count(c, d), out _);
            bool isOurs = subject.Name == "Merganser";
            string ratio = isOurs && peer > 0 ? (ids / peer).ToString("0.0", CultureInfo.InvariantCulture) : "";
            if (!isOurs)
                peer = Math.Max(peer, ids);
            page.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {corpus.Name} | {name} | {subject.Name} | {ids:0.0} | {two:0.0} | {Rate(offsets)} | {count:0.0} | {ratio} | {Agreement(PythonPeers.Hash(subject, corpus))} |"));
        }
    }

    private static string Rate(double rate) => rate > 0 ? rate.ToString("0.0", CultureInfo.InvariantCulture) : "–";

    private static string? Pattern(string name) => name switch
    {
        "gpt2" => SplitScanner.Gpt2Pattern,
        "cl100k" => SplitScanner.Cl100kPattern,
        "o200k" => SplitScanner.O200kPattern,
        _ => null,
    };

    /// <summary>The tokenizer.json of a vocabulary; null when it is not there.</summary>
    private static string? FindVocabulary(TokenizerBenchmarkOptions options, string name, TextWriter progress)
    {
        if (name == "unigram")
            return TrainedUnigram.Find(options.Vocabularies, options.TextFolders, progress);
        string path = Path.Combine(options.Vocabularies, name, "tokenizer.json");
        return File.Exists(path) ? path : null;
    }

    /// <summary>Peers first, ours last.</summary>
    private static IEnumerable<TokenizerSubject> Subjects(TokenizerBenchmarkOptions options, string name, string? json)
    {
        if (options.WithPeers)
        {
            string? encoding = name switch { "gpt2" => "r50k_base", "cl100k" => "cl100k_base", "o200k" => "o200k_base", _ => null };
            if (encoding is not null)
                yield return new MicrosoftSubject(name, name == "gpt2" ? MicrosoftSubject.Gpt2(options.Vocabularies) : Microsoft.ML.Tokenizers.TiktokenTokenizer.CreateForEncoding(encoding));
            if (encoding is not null)
                yield return new SharpTokenSubject(name, SharpToken.GptEncoding.GetEncoding(encoding));
        }

        if (json is not null)
            yield return new MerganserSubject(name, Tokenizer.Load(json));
    }

    /// <summary>The best rate of several runs over the corpus; 0 when the subject has no such call.</summary>
    /// <param name="runs">How often.</param>
    /// <param name="corpus">The text.</param>
    /// <param name="threads">How many threads share the documents.</param>
    /// <param name="subject">Who encodes.</param>
    /// <param name="encode">What is measured.</param>
    /// <param name="wall">The rate by the clock on the wall.</param>
    private static double Best(int runs, TokenizerCorpus corpus, int threads, TokenizerSubject subject, Func<TokenizerSubject, TokenizerCorpus, int, int> encode, out double wall)
    {
        wall = 0;
        if (encode(subject, corpus, 0) < 0)
            return 0;
        double best = 0;
        using Process process = Process.GetCurrentProcess();
        TokenizerSubject[] forks = [.. Enumerable.Range(0, threads).Select(i => i == 0 ? subject : subject.Fork())];
        long deadline = Stopwatch.GetTimestamp() + (2 * Stopwatch.Frequency);
        for (int run = 0; run <= runs && (run < 2 || Stopwatch.GetTimestamp() < deadline); run++)
        {
            process.Refresh();
            TimeSpan before = process.TotalProcessorTime;
            long start = Stopwatch.GetTimestamp();
            int next = 0;
            void Work(TokenizerSubject fork)
            {
                for (int first; (first = Interlocked.Add(ref next, 16) - 16) < corpus.Documents.Length;)
                {
                    for (int i = first; i < Math.Min(first + 16, corpus.Documents.Length); i++)
                        encode(fork, corpus, i);
                }
            }

            Thread[] workers = [.. forks.Skip(1).Select(fork => new Thread(() => Work(fork)))];
            foreach (Thread worker in workers)
                worker.Start();
            Work(forks[0]);
            foreach (Thread worker in workers)
                worker.Join();
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            process.Refresh();
            double cpu = (process.TotalProcessorTime - before).TotalSeconds;
            if (run == 0)
                continue; // warms the compiler and the caches
            best = Math.Max(best, corpus.Bytes / 1e6 / cpu);
            wall = Math.Max(wall, corpus.Bytes / 1e6 / seconds);
        }

        return best;
    }
}
