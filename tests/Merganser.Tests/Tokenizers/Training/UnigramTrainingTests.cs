using CsCheck;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>The parts of the Unigram trainer against brute force.</summary>
public sealed class UnigramTrainingTests
{
    private static readonly Gen<string[]> Words = Gen.String[Gen.Char["abé\0"], 1, 8].Array[1, 8];

    [Fact]
    public void Suffixes_are_in_order_up_to_the_depth() =>
        Gen.Select(Gen.Int[0, 2].Array[0, 60], Gen.Int[1, 20]).Sample((text, depth) =>
        {
            int[] order = SuffixOrder.Sort(text, 3, depth, CancellationToken.None);
            Assert.Equal(Enumerable.Range(0, text.Length), order.Order());
            for (int i = 1; i < order.Length; i++)
            {
                Span<int> before = text.AsSpan(order[i - 1], Math.Min(depth, text.Length - order[i - 1]));
                Assert.True(before.SequenceCompareTo(text.AsSpan(order[i], Math.Min(depth, text.Length - order[i]))) <= 0);
            }
        });

    [Fact]
    public void Seeds_are_the_characters_and_the_right_maximal_repeats() =>
        Gen.Select(Words, Gen.Int[1, 6]).Sample((words, longest) =>
        {
            WordCounts counts = WordCounts.From(words.Select(word => new KeyValuePair<string, long>(word, 2)));
            PieceList seeds = UnigramSeeds.Create(counts, longest, 1000, new TrainingRun(1));
            string[] texts = [.. TrainingCorpusTests.Words(counts).Select(word => word.Word)];
            string all = string.Concat(texts.Select(text => text + "\0"));
            Dictionary<string, double> expected = [];
            foreach ((string text, long count) in TrainingCorpusTests.Words(counts))
            {
                foreach (char character in text.Where(character => character != '\0'))
                    expected[character.ToString()] = expected.GetValueOrDefault(character.ToString()) + count;
            }

            for (int start = 0; start < all.Length; start++)
            {
                for (int length = 2; length <= longest && start + length <= all.Length; length++)
                {
                    string part = all.Substring(start, length);
                    int[] places = [.. Enumerable.Range(0, all.Length).Where(at => string.CompareOrdinal(all, at, part, 0, length) == 0)];
                    bool isRightMaximal = places.Select(at => at + length < all.Length ? all[at + length] : -1).Distinct().Count() > 1;
                    if (!part.Contains('\0', StringComparison.Ordinal) && places.Length > 1 && isRightMaximal)
                        expected[part] = places.Length * (double)length;
                }
            }

            double sum = expected.Values.Sum();
            Dictionary<string, double> found = Enumerable.Range(1, seeds.Count - 1).ToDictionary(piece => System.Text.Encoding.UTF8.GetString(seeds[piece]), piece => seeds.Scores[piece]);
            Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
            Assert.All(expected, pair => Assert.Equal(Math.Log(pair.Value / sum), found[pair.Key], 1e-12));
        });

    [Theory]
    [InlineData(-1)]
    [InlineData(-300)]
    public void Lattices_agree_with_the_list_of_all_ways_to_cut(double level) =>
        Gen.Select(Gen.String[Gen.Char["abé"], 1, 7], Gen.Select(Gen.String[Gen.Char["abé"], 1, 4], Gen.Double[0, 5]).Array[1, 12]).Sample((text, list) =>
        {
            var pieces = new PieceList();
            foreach ((string piece, double score) in list.DistinctBy(entry => entry.Item1))
                pieces.Add(System.Text.Encoding.UTF8.GetBytes(piece), level - score);
            pieces.UpdateUnknown();
            List<(int[] Pieces, double Score)> ways = [];
            Cut(pieces, System.Text.Encoding.UTF8.GetBytes(text), [], 0, ways);
            ways.Sort((x, y) => y.Score.CompareTo(x.Score));
            var lattice = new Lattice();
            lattice.Build(System.Text.Encoding.UTF8.GetBytes(text), pieces.CreateTrie(), pieces.Scores, PieceList.Unknown, pieces.Scores[PieceList.Unknown]);
            var nodes = new List<int>();
            Assert.True(lattice.FindBest(nodes));
            Assert.Equal(ways[0].Score, nodes.Sum(node => lattice.Nodes[node].Score), 1e-9);
            int length = lattice.FindTwoBest(nodes);
            List<int> path = [.. nodes.Select(node => lattice.Nodes[node].Id)];
            Assert.Equal(ways.Count > 1, path.Count > 0);
            if (ways.Count > 1)
            {
                Assert.Equal(ways[1].Score, path.Sum(piece => pieces.Scores[piece]), 1e-9);
                path.Reverse();
                Assert.Contains(ways, way => way.Pieces.SequenceEqual(path));
            }

            if (ways.Count == 1 || ways[0].Score > ways[1].Score + 1e-9)
                Assert.Equal(ways[0].Pieces.Length, length);
            double best = ways[0].Score;
            double sum = ways.Sum(way => Math.Exp(way.Score - best));
            double[] expected = new double[pieces.Count];
            foreach ((int[] way, double score) in ways)
            {
                foreach (int piece in way)
                    expected[piece] += 3 * Math.Exp(score - best) / sum;
            }

            double[] found = new double[pieces.Count];
            lattice.AddExpectedCounts(found, 3);
            for (int piece = 0; piece < found.Length; piece++)
                Assert.Equal(expected[piece], found[piece], 1e-9);
        });

    [Fact]
    public void Digamma_has_its_known_values()
    {
        const double euler = 0.57721566490153286;
        Assert.Equal(-euler, UnigramEstimation.Digamma(1), 1e-9);
        Assert.Equal(-euler - (2 * Math.Log(2)), UnigramEstimation.Digamma(0.5), 1e-9);
        Assert.Equal(Math.Log(1e6) - 5e-7, UnigramEstimation.Digamma(1e6), 1e-9);
    }

    [Fact]
    public void The_vocabulary_has_all_characters_and_is_ordered_by_score_after_the_special_tokens()
    {
        string text = TrainingCorpusTests.RandomText(new Random(9), 60_000);
        TrainedTokenizer trained = new UnigramTrainer { VocabularySize = 200, SpecialTokens = ["<s>"], UnkToken = "<unk>", InitialAlphabet = "Ω" }
            .Train(TrainingCorpus.FromDocuments([text]), null, new MetaspacePreTokenizer());
        var model = (UnigramModel)trained.Model;
        Assert.Equal(200, model.Vocabulary.Count);
        Assert.Equal(["<unk>", "<s>"], [model.Vocabulary.GetText(0), model.Vocabulary.GetText(1)]);
        Assert.Equal(0, model.UnkId);
        Assert.All(text.Replace(' ', '▁').Append('Ω').Distinct(), character => Assert.True(model.Vocabulary.TryGetId(character.ToString(), out _)));
        for (int id = 3; id < 200; id++)
            Assert.True(model.Scores[id] <= model.Scores[id - 1]);
    }

    private static void Cut(PieceList pieces, byte[] text, int[] way, double score, List<(int[] Pieces, double Score)> ways, int start = 0)
    {
        if (start == text.Length)
        {
            ways.Add((way, score));
            return;
        }

        int width = Utf8.LengthAt(text, start, text.Length);
        bool single = false;
        for (int piece = 1; piece < pieces.Count; piece++)
        {
            if (!text.AsSpan(start).StartsWith(pieces[piece]))
                continue;
            single |= pieces[piece].Length == width;
            Cut(pieces, text, [.. way, piece], score + pieces.Scores[piece], ways, start + pieces[piece].Length);
        }

        if (!single)
            Cut(pieces, text, [.. way, PieceList.Unknown], score + pieces.Scores[PieceList.Unknown], ways, start + width);
    }
}
