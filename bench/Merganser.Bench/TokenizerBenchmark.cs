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
    /// <summary>Passes over the corpus are repeated at least so long: one of a fast encoder is too short to trust.</summary>
    private const double LeastSeconds = 1.5;

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
        page.WriteLine("| text | vocabulary | encoder | ids, 1 thread | ids, 1 thread (wall) | ids, 2 threads (wall, both) | 2 : 1 | with offsets | count | times the best peer (ids) | ids |");
        page.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
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
                page.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {corpus.Name} | {name} | {row.Name} | {row.Ids:0.0} | – | – | – | {Rate(row.Offsets)} | – |  | {Agreement(row.Hash)} |"));
            }
        }

        foreach (TokenizerSubject subject in Subjects(options, name, json))
        {
            progress.WriteLine($"{corpus.Name} {name} {subject.Name}");
            (double ids, double one, double two) = BestOfThreads(options.Runs, corpus, subject);
            double offsets = Best(options.Runs, corpus, subject, static (s, c, d) => s.Offsets(c, d));
            double count = Best(options.Runs, corpus, subject, static (s, c, d) => s.Count(c, d));
            bool isOurs = subject.Name == "Merganser";
            string ratio = isOurs && peer > 0 ? (ids / peer).ToString("0.0", CultureInfo.InvariantCulture) : "";
            if (!isOurs)
                peer = Math.Max(peer, ids);
            page.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {corpus.Name} | {name} | {subject.Name} | {ids:0.0} | {one:0.0} | {two:0.0} | {two / one:0.00} | {Rate(offsets)} | {count:0.0} | {ratio} | {Agreement(PythonPeers.Hash(subject, corpus))} |"));
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

    /// <summary>The best rate by processor time of several runs over the corpus on one thread; 0 when the subject has no such call.</summary>
    private static double Best(int runs, TokenizerCorpus corpus, TokenizerSubject subject, Func<TokenizerSubject, TokenizerCorpus, int, int> encode)
    {
        if (encode(subject, corpus, 0) < 0)
            return 0;
        using var passes = new TokenizerPasses(corpus, encode, subject);
        passes.Run(1); // warms the compiler and the caches
        double best = 0;
        var timer = Stopwatch.StartNew();
        for (int run = 0; run < runs || timer.Elapsed.TotalSeconds < LeastSeconds; run++)
            best = Math.Max(best, passes.Run(1).Processor);
        return best;
    }

    /// <summary>The best rates of encoding to ids: one thread by processor time, one and two by the clock. Runs on one and on two threads take turns, so that both meet the same machine.</summary>
    private static (double Processor, double One, double Two) BestOfThreads(int runs, TokenizerCorpus corpus, TokenizerSubject subject)
    {
        using var passes = new TokenizerPasses(corpus, static (s, c, d) => s.Ids(c, d), subject, subject.Fork());
        passes.Run(1);
        passes.Run(2);
        (double processor, double one, double two) = (0, 0, 0);
        var timer = Stopwatch.StartNew();
        for (int run = 0; run < runs || timer.Elapsed.TotalSeconds < 2 * LeastSeconds; run++)
        {
            (double cpu, double wall) = passes.Run(1);
            processor = Math.Max(processor, cpu);
            one = Math.Max(one, wall);
            two = Math.Max(two, passes.Run(2).Wall);
        }

        return (processor, one, two);
    }
}
