using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary><c>tokenizer train</c>: a new tokenizer.json from text files.</summary>
internal static class TokenizerTrainVerb
{
    public static Command Create()
    {
        var output = new Argument<string>("out") { Description = "the tokenizer.json to write" };
        var files = new Argument<string[]>("files") { Description = "text files, read in this order", Arity = ArgumentArity.OneOrMore };
        var model = new Option<string>("--model") { Description = "bpe, unigram, wordpiece or wordlevel", DefaultValueFactory = _ => "bpe" };
        var size = new Option<int>("--vocab-size") { Description = "tokens, special ones included", DefaultValueFactory = _ => 32_000 };
        var frequency = new Option<int>("--min-frequency") { Description = "pairs (or words) that occur less often are not taken", DefaultValueFactory = _ => 0 };
        var special = new Option<string[]>("--special") { Description = "special tokens, which get the first ids; may be given several times", AllowMultipleArgumentsPerToken = true };
        var cut = new Option<string?>("--pre-tokenizer") { Description = "byte-level, metaspace, whitespace or bert; the default fits the model" };
        var normal = new Option<string?>("--normalizer") { Description = "none, nfc, nfkc, lowercase or bert; the default fits the model" };
        var limit = new Option<int?>("--limit-alphabet") { Description = "the most characters that are kept" };
        var unit = new Option<string>("--documents") { Description = "what counts as a document: line, line-end (with its line feed) or file", DefaultValueFactory = _ => "line" };
        var threads = new Option<int>("--threads") { Description = "threads; 0 for one per core (the result does not depend on it)", DefaultValueFactory = _ => 0 };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace an existing file" };
        model.AcceptOnlyFromAmong("bpe", "unigram", "wordpiece", "wordlevel");
        cut.AcceptOnlyFromAmong("byte-level", "metaspace", "whitespace", "bert");
        normal.AcceptOnlyFromAmong("none", "nfc", "nfkc", "lowercase", "bert");
        unit.AcceptOnlyFromAmong("line", "line-end", "file");
        var command = new Command("train", "Train a tokenizer on text files") { output, files, model, size, frequency, special, cut, normal, limit, unit, threads, overwrite };
        command.SetAction((parsed, cancellation) =>
        {
            string target = parsed.GetRequiredValue(output);
            if (File.Exists(target) && !parsed.GetValue(overwrite))
                throw new MerganserException($"{target}: exists; choose another name or replace it with --overwrite");
            string kind = parsed.GetRequiredValue(model);
            string[] specials = parsed.GetValue(special) ?? [];
            PreTokenizer preTokenizer = PreTokenizerOf(parsed.GetValue(cut) ?? (kind switch { "bpe" => "byte-level", "unigram" => "metaspace", "wordpiece" => "bert", _ => "whitespace" }));
            Normalizer? normalizer = NormalizerOf(parsed.GetValue(normal) ?? (kind switch { "unigram" => "nfkc", "wordpiece" => "bert", _ => "none" }));
            var settings = new TrainerSettings(parsed.GetValue(size), parsed.GetValue(frequency), specials, parsed.GetValue(limit), preTokenizer is ByteLevelPreTokenizer);
            DocumentUnit documents = parsed.GetRequiredValue(unit) switch
            {
                "file" => DocumentUnit.File,
                "line-end" => DocumentUnit.LineWithEnd,
                _ => DocumentUnit.Line,
            };
            var clock = Stopwatch.StartNew();
            using var progress = new TrainingDisplay(parsed.InvocationConfiguration.Error);
            var run = new TrainingRun(parsed.GetValue(threads), progress, cancellation);
            TrainedTokenizer trained = settings.Trainer(kind).Train(TrainingCorpus.FromFiles(parsed.GetRequiredValue(files), documents), normalizer, preTokenizer, run);
            var tokenizer = new Tokenizer(trained.Model)
            {
                Normalizer = normalizer,
                PreTokenizer = preTokenizer,
                AddedTokens = new AddedVocabulary(trained.AddedTokens),
                Decoder = DecoderOf(preTokenizer, trained.Model),
                PostProcessor = preTokenizer is ByteLevelPreTokenizer ? new ByteLevelProcessing { AddPrefixSpace = false, TrimOffsets = false } : null,
            };
            tokenizer.Save(target);
            parsed.InvocationConfiguration.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target}: {tokenizer.VocabularySize:N0} tokens, {clock.Elapsed.TotalSeconds:F1} s"));
            return Task.FromResult(0);
        });
        return command;
    }

    private static PreTokenizer PreTokenizerOf(string name) => name switch
    {
        "byte-level" => new ByteLevelPreTokenizer { AddPrefixSpace = false, TrimOffsets = false },
        "metaspace" => new MetaspacePreTokenizer(),
        "bert" => new BertPreTokenizer(),
        _ => new WhitespacePreTokenizer(),
    };

    private static Normalizer? NormalizerOf(string name) => name switch
    {
        "nfc" => new UnicodeNormalizer { Form = UnicodeForm.Nfc },
        "nfkc" => new UnicodeNormalizer { Form = UnicodeForm.Nfkc },
        "lowercase" => new LowercaseNormalizer(),
        "bert" => new BertNormalizer(),
        _ => null,
    };

    private static TokenDecoder? DecoderOf(PreTokenizer preTokenizer, TokenizerModel model) => preTokenizer switch
    {
        ByteLevelPreTokenizer => new ByteLevelDecoder(),
        MetaspacePreTokenizer => new MetaspaceDecoder(),
        _ => model is WordPieceModel ? new WordPieceDecoder() : null,
    };

    private sealed record TrainerSettings(int Size, int MinFrequency, string[] Special, int? LimitAlphabet, bool ByteLevel)
    {
        private string Unknown(string usual) => Special.FirstOrDefault(token => token.Contains("unk", StringComparison.OrdinalIgnoreCase)) ?? usual;

        private string[] With(string token) => Special.Contains(token, StringComparer.Ordinal) ? Special : [token, .. Special];

        public TokenizerTrainer Trainer(string kind) => kind switch
        {
            "wordlevel" => new WordLevelTrainer { VocabularySize = Size, MinFrequency = MinFrequency, UnkToken = Unknown("<unk>"), SpecialTokens = With(Unknown("<unk>")) },
            "wordpiece" => new WordPieceTrainer { VocabularySize = Size, MinFrequency = MinFrequency, LimitAlphabet = LimitAlphabet, UnkToken = Unknown("[UNK]"), SpecialTokens = With(Unknown("[UNK]")) },
            "unigram" => new UnigramTrainer { VocabularySize = Size, UnkToken = Unknown("<unk>"), SpecialTokens = With(Unknown("<unk>")) },
            _ => new BpeTrainer
            {
                VocabularySize = Size,
                MinFrequency = MinFrequency,
                LimitAlphabet = LimitAlphabet,
                SpecialTokens = ByteLevel ? Special : With(Unknown("<unk>")),
                UnkToken = ByteLevel ? null : Unknown("<unk>"),
                InitialAlphabet = ByteLevel ? BpeTrainer.ByteLevelInitialAlphabet : "",
            },
        };
    }
}
