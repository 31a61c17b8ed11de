using Merganser.Tokenizers;

namespace Merganser.Bench;

/// <summary>The Unigram vocabulary of the benchmark: trained here, since no large published one can be fetched; the pipeline of T5.</summary>
internal static class TrainedUnigram
{
    private const int VocabularySize = 16_000;
    private const int EnglishBytes = 1_600_000;
    private const int MixedBytes = 800_000;

    public static string Description => $"`unigram` is a Unigram model of {VocabularySize} pieces that the benchmark trains with our trainer on {EnglishBytes / 1e6:0.0} MB of the English and {MixedBytes / 1e6:0.0} MB of the mixed text, cut at white space.";

    /// <summary>The file of the vocabulary; it is trained when it is not there.</summary>
    public static string Find(string vocabularies, IReadOnlyList<string> folders, TextWriter progress)
    {
        string path = Path.Combine(vocabularies, "unigram", "tokenizer.json");
        if (File.Exists(path))
            return path;
        progress.WriteLine("training the Unigram vocabulary");
        string[] documents = [.. Take(TokenizerCorpus.English(folders), EnglishBytes), .. Take(TokenizerCorpus.Mixed(folders), MixedBytes)];
        var preTokenizer = new SequencePreTokenizer([new WhitespaceSplitPreTokenizer(), new MetaspacePreTokenizer()]);
        var trainer = new UnigramTrainer { VocabularySize = VocabularySize, SpecialTokens = ["<unk>"], UnkToken = "<unk>" };
        TrainedTokenizer trained = trainer.Train(TrainingCorpus.FromDocuments(documents), null, preTokenizer, new TrainingRun(2));
        // With at most 15 digits all JSON parsers read the same numbers; a last bit decides between equal segmentations.
        var unigram = (UnigramModel)trained.Model;
        double[] scores = [.. unigram.Scores.ToArray().Select(score => Math.Round(score, 12))];
        var model = new UnigramModel(unigram.Vocabulary, scores) { UnkId = unigram.UnkId };
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        new Tokenizer(model) { PreTokenizer = preTokenizer, Decoder = new MetaspaceDecoder(), AddedTokens = new AddedVocabulary(trained.AddedTokens) }.Save(path);
        return path;
    }

    private static IEnumerable<string> Take(TokenizerCorpus corpus, int bytes)
    {
        // Spread over the corpus, so that no one place decides.
        long step = Math.Max(1, corpus.Bytes / bytes);
        for (long document = 0; document < corpus.Documents.Length; document += step)
            yield return corpus.Documents[document];
    }
}
