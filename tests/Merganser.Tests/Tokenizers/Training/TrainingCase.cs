using System.Text.Json.Nodes;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>A tokenizer that the reference trained: its options, its file, and what it encodes texts to.</summary>
internal sealed class TrainingCase
{
    private readonly JsonObject _golden;
    private readonly JsonObject _options;
    private readonly JsonObject _model;

    public TrainingCase(string file)
    {
        _golden = JsonNode.Parse(File.ReadAllBytes(Path.Combine(Folder, file)))!.AsObject();
        _options = _golden["trainer"]!.AsObject();
        _model = _golden["tokenizer"]!["model"]!.AsObject();
        Expected = Tokenizer.LoadJson(System.Text.Encoding.UTF8.GetBytes(_golden["tokenizer"]!.ToJsonString()), file);
    }

    public static string Folder { get; } = Golden.Folder("tokenizers");

    public static TheoryData<string> Names(params string[] models)
    {
        var names = new TheoryData<string>();
        foreach (string path in Directory.GetFiles(Folder, "train-*.json").Order(StringComparer.Ordinal))
        {
            if (models.Contains((string)JsonNode.Parse(File.ReadAllBytes(path))!["tokenizer"]!["model"]!["type"]!))
                names.Add(Path.GetFileName(path));
        }

        return names;
    }

    public Tokenizer Expected { get; }

    public int? LimitAlphabet => (int?)_options["limit_alphabet"];

    public bool DependsOnHashOrder => ContinuingSubwordPrefix is not "" || EndOfWordSuffix is not "";

    public JsonArray Encodings => _golden["encodings"]!.AsArray();

    public JsonNode Vocabulary => _model["vocab"]!;

    public JsonArray Merges => _model["merges"]!.AsArray();

    private string ContinuingSubwordPrefix => (string?)_options["continuing_subword_prefix"] ?? "";

    private string EndOfWordSuffix => (string?)_options["end_of_word_suffix"] ?? "";

    public static TrainingCorpus OpenCorpus() => TrainingCorpus.FromFiles([Path.Combine(Folder, "train-corpus.txt")]);

    public WordCounts CountWords() => WordCounts.From(OpenCorpus(), Expected.Normalizer, Expected.PreTokenizer);

    /// <summary>The trainer of the case, perhaps with another alphabet.</summary>
    public TokenizerTrainer CreateTrainer(string? initialAlphabet = null)
    {
        int size = (int)_options["vocab_size"]!;
        string[] specials = [.. _options["special_tokens"]!.AsArray().Select(token => (string)token!)];
        long minFrequency = (long?)_options["min_frequency"] ?? 0;
        int? maxLength = (int?)_options["max_token_length"];
        string alphabet = initialAlphabet ?? Alphabet();
        return (string)_model["type"]! switch
        {
            "BPE" => new BpeTrainer
            {
                VocabularySize = size,
                SpecialTokens = specials,
                MinFrequency = minFrequency,
                LimitAlphabet = LimitAlphabet,
                InitialAlphabet = alphabet,
                MaxTokenLength = maxLength,
                ContinuingSubwordPrefix = ContinuingSubwordPrefix,
                EndOfWordSuffix = EndOfWordSuffix,
                UnkToken = (string?)_model["unk_token"],
            },
            "WordPiece" => new WordPieceTrainer
            {
                VocabularySize = size,
                SpecialTokens = specials,
                MinFrequency = minFrequency,
                LimitAlphabet = LimitAlphabet,
                InitialAlphabet = alphabet,
                MaxTokenLength = maxLength,
                ContinuingSubwordPrefix = ContinuingSubwordPrefix,
                EndOfWordSuffix = EndOfWordSuffix,
                UnkToken = (string)_model["unk_token"]!,
                MaxInputCharsPerWord = (int)_model["max_input_chars_per_word"]!,
            },
            "WordLevel" => new WordLevelTrainer { VocabularySize = size, SpecialTokens = specials, MinFrequency = minFrequency, UnkToken = (string)_model["unk_token"]! },
            "Unigram" => new UnigramTrainer
            {
                VocabularySize = size,
                SpecialTokens = specials,
                InitialAlphabet = alphabet,
                UnkToken = (string?)_options["unk_token"],
                ShrinkingFactor = (double?)_options["shrinking_factor"] ?? 0.75,
                SubIterations = (int?)_options["n_sub_iterations"] ?? 2,
                MaxPieceLength = (int?)_options["max_piece_length"] ?? 16,
                SeedSize = (int?)_options["seed_size"] ?? 1_000_000,
            },
            string other => throw new InvalidOperationException($"no trainer for {other}"),
        };
    }

    /// <summary>The tokenizer that is trained, written to a file and read again.</summary>
    public Tokenizer Reload(TrainedTokenizer trained)
    {
        using var folder = new TempFolder();
        var tokenizer = new Tokenizer(trained.Model)
        {
            Normalizer = Expected.Normalizer,
            PreTokenizer = Expected.PreTokenizer,
            Decoder = Expected.Decoder,
            AddedTokens = new AddedVocabulary(trained.AddedTokens),
        };
        tokenizer.Save(folder["tokenizer.json"]);
        return Tokenizer.Load(folder["tokenizer.json"]);
    }

    private string Alphabet() => _options["initial_alphabet"] switch
    {
        null => "",
        JsonArray characters => string.Concat(characters.Select(character => (string)character!)),
        JsonNode text when ((string)text!).Contains("ByteLevel", StringComparison.Ordinal) => BpeTrainer.ByteLevelInitialAlphabet,
        JsonNode text => (string)text!,
    };
}
