using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Bench;

/// <summary>Trains tokenizers on a file of text, one document a line, and prints processor and wall time of each.</summary>
internal static class TrainingBenchmark
{
    /// <summary>The command <c>train FILE</c>.</summary>
    public static Command Create()
    {
        var file = new Argument<string>("file");
        var threads = new Option<int>("--threads") { Description = "number of threads", DefaultValueFactory = _ => 1 };
        var vocabulary = new Option<int>("--vocab") { Description = "vocabulary size", DefaultValueFactory = _ => 32_000 };
        var trainers = new Option<string>("--trainers") { Description = "bpe, wordpiece, wordlevel, unigram, separated by commas", DefaultValueFactory = _ => "bpe" };
        var runs = new Option<int>("--runs") { Description = "runs of each", DefaultValueFactory = _ => 3 };
        var command = new Command("train", "Trains tokenizers on a text") { file, threads, vocabulary, trainers, runs };
        command.SetAction(parsed =>
        {
            Console.WriteLine("| trainer | threads | MB | vocabulary | processor s | wall s | counting s |");
            Console.WriteLine("|---|---|---|---|---|---|---|");
            foreach (string name in parsed.GetValue(trainers)!.Split(','))
            {
                for (int run = 0; run < parsed.GetValue(runs); run++)
                    Console.WriteLine(Measure(name, parsed.GetValue(file)!, parsed.GetValue(vocabulary), parsed.GetValue(threads)));
            }
        });
        return command;
    }

    private static string Measure(string name, string path, int size, int threads)
    {
        (TokenizerTrainer trainer, PreTokenizer preTokenizer) = Find(name, size);
        TimeSpan cpu = Process.GetCurrentProcess().TotalProcessorTime;
        long began = Stopwatch.GetTimestamp();
        var run = new TrainingRun(threads);
        WordCounts words = WordCounts.From(TrainingCorpus.FromFiles([path], DocumentUnit.LineWithEnd), null, preTokenizer, run);
        double counting = Stopwatch.GetElapsedTime(began).TotalSeconds;
        TrainedTokenizer trained = trainer.Train(words, run);
        double wall = Stopwatch.GetElapsedTime(began).TotalSeconds;
        double processor = (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds;
        return string.Create(CultureInfo.InvariantCulture, $"| {name} | {threads} | {new FileInfo(path).Length / 1e6:0.0} | {trained.Model.Vocabulary.Count} | {processor:0.00} | {wall:0.00} | {counting:0.00} |");
    }

    private static (TokenizerTrainer Trainer, PreTokenizer PreTokenizer) Find(string name, int size) => name switch
    {
        "bpe" => (new BpeTrainer { VocabularySize = size, InitialAlphabet = BpeTrainer.ByteLevelInitialAlphabet, SpecialTokens = ["<|endoftext|>"] }, new ByteLevelPreTokenizer { AddPrefixSpace = false }),
        "wordpiece" => (new WordPieceTrainer { VocabularySize = size, SpecialTokens = ["[UNK]"] }, new BertPreTokenizer()),
        "unigram" => (new UnigramTrainer { VocabularySize = size, SpecialTokens = ["<unk>"], UnkToken = "<unk>" }, new MetaspacePreTokenizer()),
        "wordlevel" => (new WordLevelTrainer { VocabularySize = size, SpecialTokens = ["<unk>"] }, new WhitespacePreTokenizer()),
        _ => throw new MerganserException($"there is no trainer '{name}'; there are bpe, wordpiece, wordlevel, unigram"),
    };
}
