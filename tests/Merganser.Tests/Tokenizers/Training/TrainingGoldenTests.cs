using System.Text.Json.Nodes;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Trained tokenizers against those of the reference, <c>train-*.json</c>, on the lines of <c>train-corpus.txt</c>.</summary>
public sealed class TrainingGoldenTests
{
    public static TheoryData<string> MergeCases => TrainingCase.Names("BPE", "WordPiece");

    public static TheoryData<string> WordCases => TrainingCase.Names("WordLevel");

    public static TheoryData<string> UnigramCases => TrainingCase.Names("Unigram");

    [Theory]
    [MemberData(nameof(MergeCases))]
    public void Merged_tokens_are_those_of_the_reference(string file)
    {
        var golden = new TrainingCase(file);
        WordCounts words = golden.CountWords();
        TrainedTokenizer trained = golden.CreateTrainer().Train(words);
        Dictionary<string, int> expected = Tokens(golden.Expected.Model.Vocabulary);
        if (golden.DependsOnHashOrder)
        {
            // The reference visits words in the order of a hash table; two of its own runs differ.
            Dictionary<string, int> found = Tokens(trained.Model.Vocabulary);
            Assert.Equal(expected.Count, found.Count);
            int shared = expected.Keys.Count(found.ContainsKey);
            Assert.True(shared >= 0.95 * expected.Count, $"{shared} of {expected.Count} tokens agree");
            AssertSimilarLength(golden, golden.Reload(trained));
            return;
        }

        if (golden.LimitAlphabet is not null && !Characters(expected).SetEquals(Characters(Tokens(trained.Model.Vocabulary))))
        {
            // Characters of equal count: the reference keeps any of them. With its choice the rest must be the same.
            AssertCutAtTie(words, Characters(expected), Characters(Tokens(trained.Model.Vocabulary)));
            trained = golden.CreateTrainer(string.Concat(Characters(expected))).Train(words);
        }

        Assert.Equal(expected, Tokens(trained.Model.Vocabulary));
        if (trained.Model is BpeModel bpe)
            Assert.Equal(golden.Merges.Select(merge => (string)merge![0]! + " " + (string)merge[1]!), Merges(bpe));
        AssertSameEncodings(golden, golden.Reload(trained));
    }

    [Theory]
    [MemberData(nameof(WordCases))]
    public void Word_lists_are_those_of_the_reference(string file)
    {
        var golden = new TrainingCase(file);
        TrainedTokenizer trained = golden.CreateTrainer().Train(golden.CountWords());
        Assert.Equal(Tokens(golden.Expected.Model.Vocabulary), Tokens(trained.Model.Vocabulary));
        AssertSameEncodings(golden, golden.Reload(trained));
    }

    [Theory]
    [MemberData(nameof(UnigramCases))]
    public void Unigram_pieces_and_scores_are_those_of_the_reference(string file)
    {
        var golden = new TrainingCase(file);
        WordCounts words = golden.CountWords();
        TrainedTokenizer trained = golden.CreateTrainer().Train(words);
        Dictionary<string, double> expected = golden.Vocabulary.AsArray().ToDictionary(entry => (string)entry![0]!, entry => (double)entry![1]!);
        var model = (UnigramModel)trained.Model;
        var found = Tokens(model.Vocabulary).ToDictionary(pair => pair.Key, pair => model.Scores[pair.Value]);
        Assert.Equal(expected.Count, found.Count);
        int shared = expected.Keys.Count(found.ContainsKey);
        Assert.True(shared >= 0.99 * expected.Count, $"{shared} of {expected.Count} pieces agree");
        foreach ((string piece, double score) in expected)
        {
            // A character that had to be put back gets a score by its place in a hash table.
            double tolerance = piece.EnumerateRunes().Count() == 1 ? 6e-3 : 1e-3;
            if (found.TryGetValue(piece, out double own))
                Assert.True(Math.Abs(score - own) <= tolerance, $"{piece}: {own}, expected {score}");
        }

        Assert.Equal(((UnigramModel)golden.Expected.Model).UnkId, model.UnkId);
        Tokenizer reloaded = golden.Reload(trained);
        AssertSimilarLength(golden, reloaded);
        if (shared == expected.Count)
            AssertSameTokens(golden, reloaded);
    }

    private static void AssertSameEncodings(TrainingCase golden, Tokenizer tokenizer)
    {
        foreach (JsonNode? row in golden.Encodings)
        {
            Merganser.Tokenizers.Encoding encoding = Encode(tokenizer, row!);
            Assert.Equal(GoldenVocabularies.Ints(row!["ids"]!), encoding.Ids);
            Assert.Equal(GoldenVocabularies.Ints(row["off"]!), encoding.Offsets.SelectMany(range => new[] { range.Start, range.End }));
        }
    }

    /// <summary>
    /// The same tokens of each text under other ids and in any order: <c>...</c> is <c>.</c> + <c>..</c> or the other way round
    /// by the last bit of a sum.
    /// </summary>
    private static void AssertSameTokens(TrainingCase golden, Tokenizer tokenizer)
    {
        foreach (JsonNode? row in golden.Encodings)
        {
            Assert.Equal(
                GoldenVocabularies.Ints(row!["ids"]!).Select(golden.Expected.Model.Vocabulary.GetText).Order(StringComparer.Ordinal),
                Encode(tokenizer, row).Ids.Select(tokenizer.Model.Vocabulary.GetText).Order(StringComparer.Ordinal));
        }
    }

    private static void AssertSimilarLength(TrainingCase golden, Tokenizer tokenizer)
    {
        int expected = 0, found = 0;
        foreach (JsonNode? row in golden.Encodings)
        {
            expected += row!["ids"]!.AsArray().Count;
            found += Encode(tokenizer, row).Count;
        }

        Assert.True(Math.Abs(found - expected) <= 0.01 * expected, $"{found} tokens, expected {expected}");
    }

    private static Merganser.Tokenizers.Encoding Encode(Tokenizer tokenizer, JsonNode row) =>
        tokenizer.Encode((string)row["t"]!, options: new EncodeOptions { AddSpecialTokens = false, OffsetUnit = OffsetUnit.CodePoint });

    private static void AssertCutAtTie(WordCounts words, HashSet<string> expected, HashSet<string> found)
    {
        long[] counts = TrainingAlphabet.CountCharacters(words);
        Assert.Equal(expected.Count, found.Count);
        long[] differing = [.. expected.Except(found).Concat(found.Except(expected)).Select(character => counts[char.ConvertToUtf32(character, 0)]).Distinct()];
        Assert.Single(differing);
        Assert.Equal(differing[0], expected.Min(character => counts[char.ConvertToUtf32(character, 0)]));
    }

    private static HashSet<string> Characters(Dictionary<string, int> tokens) => [.. tokens.Keys.Where(token => token.EnumerateRunes().Count() == 1)];

    private static Dictionary<string, int> Tokens(Vocabulary vocabulary) =>
        Enumerable.Range(0, vocabulary.IdLimit).Where(vocabulary.Contains).ToDictionary(vocabulary.GetText);

    private static IEnumerable<string> Merges(BpeModel model) =>
        Enumerable.Range(0, model.Merges.Count).Select(rank => model.Vocabulary.GetText(model.Merges[rank].Left) + " " + model.Vocabulary.GetText(model.Merges[rank].Right));
}
