using CsCheck;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Pair counts against counting anew after every merge.</summary>
public sealed class PairCountsTests
{
    private const int Symbols = 4;

    private static readonly Gen<(int[] Symbols, int Weight)[]> Sequences =
        Gen.Select(Gen.Int[0, Symbols - 1].Array[0, 40], Gen.Int[0, 5]).Array[0, 12];

    [Fact]
    public void The_best_pair_is_that_of_a_fresh_count_in_both_kinds_of_bookkeeping() =>
        Gen.Select(Sequences, Gen.Bool, Gen.Int[2, 12]).Sample((sequences, keeps, limit) =>
        {
            PairCounts pairs = Create(sequences, new PairCounts { KeepsMergedWeights = keeps, SizeLimit = limit });
            var naive = new NaivePairs(sequences) { SizeLimit = limit };
            for (int symbol = Symbols; pairs.TryTakeBest(out PairCandidate best); symbol++)
            {
                Assert.Equal(naive.Best(firstMet: false), (best.Left, best.Right, best.Weight));
                pairs.Merge(best, symbol);
                naive.Merge(best.Left, best.Right, symbol);
                AssertSame(naive, pairs);
            }

            Assert.Equal(0, naive.Best(firstMet: false).Weight);
        });

    [Fact]
    public void Of_equal_pairs_the_first_in_scan_order_is_taken_when_asked_for() =>
        Sequences.Sample(sequences =>
        {
            PairCounts pairs = Create(sequences, new PairCounts { Tie = PairTie.FirstInScanOrder });
            var naive = new NaivePairs(sequences);
            for (int symbol = Symbols; pairs.TryTakeBest(out PairCandidate best); symbol++)
            {
                Assert.Equal(naive.Best(firstMet: true), (best.Left, best.Right, best.Weight));
                pairs.Merge(best, symbol);
                naive.Merge(best.Left, best.Right, symbol);
            }

            AssertSame(naive, pairs);
        });

    [Fact]
    public void Merging_a_given_list_keeps_all_weights_right_even_when_symbols_come_back() =>
        Gen.Select(Sequences, Gen.Select(Gen.Int[0, 5], Gen.Int[0, 5], Gen.Int[0, 6]).Array[0, 12]).Sample((sequences, merges) =>
        {
            PairCounts pairs = Create(sequences, new PairCounts());
            var naive = new NaivePairs(sequences);
            foreach ((int left, int right, int symbol) in merges)
            {
                pairs.Merge(left, right, symbol);
                naive.Merge(left, right, symbol);
                AssertSame(naive, pairs);
                for (int x = 0; x <= 6; x++)
                {
                    for (int y = 0; y <= 6; y++)
                        Assert.Equal(naive.WeightOf(x, y), pairs.WeightOf(x, y));
                }
            }
        });

    [Fact]
    public void A_pair_that_was_left_alone_is_proposed_again_only_when_put_back()
    {
        PairCounts pairs = Create([([0, 1, 0, 1], 3), ([2, 3], 5)], new PairCounts());
        Assert.True(pairs.TryTakeBest(out PairCandidate first));
        Assert.Equal((0, 1, 6), (first.Left, first.Right, first.Weight));
        Assert.True(pairs.TryTakeBest(out PairCandidate second));
        Assert.Equal((2, 3), (second.Left, second.Right));
        pairs.PutBack(first);
        pairs.Merge(second, 4);
        Assert.True(pairs.TryTakeBest(out PairCandidate third));
        Assert.Equal((0, 1), (third.Left, third.Right));
        Assert.True(pairs.TryTakeBest(out PairCandidate last));
        Assert.Equal((1, 0), (last.Left, last.Right));
        Assert.False(pairs.TryTakeBest(out _));
    }

    [Fact]
    public void Lists_of_sequences_survive_that_their_pool_is_moved()
    {
        var random = new Random(5);
        var sequences = new (int[] Symbols, int Weight)[3000];
        for (int i = 0; i < sequences.Length; i++)
            sequences[i] = ([.. Enumerable.Range(0, 12).Select(_ => random.Next(Symbols))], random.Next(1, 9));
        PairCounts pairs = Create(sequences, new PairCounts { KeepsMergedWeights = true });
        var naive = new NaivePairs(sequences);
        for (int symbol = Symbols; symbol < Symbols + 150; symbol++)
        {
            Assert.True(pairs.TryTakeBest(out PairCandidate best));
            Assert.Equal(naive.Best(firstMet: false), (best.Left, best.Right, best.Weight));
            pairs.Merge(best, symbol);
            naive.Merge(best.Left, best.Right, symbol);
        }

        AssertSame(naive, pairs);
    }

    private static PairCounts Create((int[] Symbols, int Weight)[] sequences, PairCounts pairs)
    {
        foreach ((int[] symbols, int weight) in sequences)
            pairs.Add(symbols, weight);
        pairs.CountPairs();
        return pairs;
    }

    private static void AssertSame(NaivePairs naive, PairCounts pairs)
    {
        for (int i = 0; i < pairs.Count; i++)
            Assert.Equal(naive.Sequences[i].Symbols, pairs[i].ToArray());
    }

    /// <summary>Counts everything whenever it is asked.</summary>
    private sealed class NaivePairs((int[] Symbols, int Weight)[] sequences)
    {
        private readonly Dictionary<int, int> _sizes = [];

        public (int[] Symbols, int Weight)[] Sequences { get; } = [.. sequences];

        public int SizeLimit { get; init; } = int.MaxValue;

        public (int Left, int Right, double Weight) Best(bool firstMet)
        {
            (int Left, int Right, double Weight) best = default;
            foreach (((int left, int right), double weight) in Count())
            {
                bool isLower = !firstMet && weight == best.Weight && (left, right).CompareTo((best.Left, best.Right)) < 0;
                bool isOld = left < Symbols && right < Symbols;
                if ((weight > best.Weight || isLower) && weight > 0 && (isOld || Size(left) + Size(right) < SizeLimit))
                    best = (left, right, weight);
            }

            return best;
        }

        public double WeightOf(int left, int right) => Count().Where(pair => pair.Pair == (left, right)).Sum(pair => pair.Weight);

        public void Merge(int left, int right, int symbol)
        {
            _sizes[symbol] = Size(left) + Size(right);
            for (int i = 0; i < Sequences.Length; i++)
            {
                var merged = new List<int>();
                int[] symbols = Sequences[i].Symbols;
                for (int at = 0; at < symbols.Length; at++)
                {
                    bool isPair = symbols[at] == left && at + 1 < symbols.Length && symbols[at + 1] == right;
                    merged.Add(isPair ? symbol : symbols[at]);
                    at += isPair ? 1 : 0;
                }

                Sequences[i].Symbols = [.. merged];
            }
        }

        private int Size(int symbol) => _sizes.GetValueOrDefault(symbol, 1);

        /// <summary>All pairs in scan order.</summary>
        private List<((int Left, int Right) Pair, double Weight)> Count()
        {
            var counts = new List<((int Left, int Right) Pair, double Weight)>();
            foreach ((int[] symbols, int weight) in Sequences)
            {
                for (int at = 0; at + 1 < symbols.Length; at++)
                {
                    (int, int) pair = (symbols[at], symbols[at + 1]);
                    int index = counts.FindIndex(count => count.Pair == pair);
                    if (index < 0)
                        counts.Add((pair, weight));
                    else
                        counts[index] = (pair, counts[index].Weight + weight);
                }
            }

            return counts;
        }
    }
}
