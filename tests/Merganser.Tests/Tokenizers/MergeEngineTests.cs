using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

public sealed class MergeEngineTests
{
    [Fact]
    public void Short_and_long_rows_merge_as_the_definition_says()
    {
        var random = new Random(3);
        for (int model = 0; model < 400; model++)
        {
            MergeTable merges = RandomMerges(random, letters: random.Next(1, 5), count: random.Next(1, 60));
            var scan = new MergeEngine(merges);
            // A dropout so small that it never happens takes the heap for short rows as well.
            var heap = new MergeEngine(merges, dropout: double.Epsilon);
            for (int i = 0; i < 250; i++)
            {
                int[] symbols = new int[random.Next(1, i % 25 == 0 ? 300 : 40)];
                for (int j = 0; j < symbols.Length; j++)
                    symbols[j] = random.Next(4) % Letters(merges);
                (int[] ids, int[] lengths) expected = Naive(merges, symbols);
                foreach (MergeEngine engine in (MergeEngine[])[scan, heap])
                {
                    (int[] ids, int[] lengths) = Merge(engine, symbols);
                    Assert.Equal(expected.ids, ids);
                    Assert.Equal(expected.lengths, lengths);
                }
            }
        }
    }

    [Fact]
    public void Lists_by_rank_merge_as_the_heap_does()
    {
        var random = new Random(5);
        int ascending = 0;
        for (int model = 0; model < 400; model++)
        {
            MergeTable merges = RandomMerges(random, letters: random.Next(1, 5), count: random.Next(1, 60));
            if (!merges.IsAscending)
                continue;
            ascending++;
            var engine = new MergeEngine(merges);
            for (int i = 0; i < 50; i++)
            {
                int[] symbols = new int[random.Next(2, 2000)];
                for (int j = 0; j < symbols.Length; j++)
                    symbols[j] = random.Next(4) % Letters(merges);
                (int[] Ids, int[] Lengths) heap = ([.. symbols], [.. Enumerable.Repeat(1, symbols.Length)]);
                (int[] Ids, int[] Lengths) lists = ([.. symbols], [.. Enumerable.Repeat(1, symbols.Length)]);
                int expected = engine.MergeHeap(heap.Ids, heap.Lengths);
                int found = engine.MergeBuckets(lists.Ids, lists.Lengths);
                Assert.Equal(heap.Ids[..expected], lists.Ids[..found]);
                Assert.Equal(heap.Lengths[..expected], lists.Lengths[..found]);
            }
        }

        Assert.True(ascending > 50, $"only {ascending} of the models are ascending");
    }

    [Fact]
    public void Merges_that_use_a_token_before_it_is_made_are_not_ascending()
    {
        Vocabulary vocabulary = Build("a", "b", "c", "ab", "abc");
        var merges = new MergeTable.Builder(vocabulary);
        merges.AddLine("ab c"u8);
        merges.AddLine("a b"u8);
        Assert.False(merges.Build().IsAscending);
    }

    [Fact]
    public void One_pretoken_of_a_million_equal_letters_is_merged()
    {
        var tokens = new Vocabulary.Builder();
        for (int i = 0; i < 6; i++)
            tokens.Add(new string('a', 1 << i), i);
        Vocabulary vocabulary = tokens.Build();
        var merges = new MergeTable.Builder(vocabulary);
        for (int i = 0; i < 5; i++)
            merges.Add(i, i);
        var model = new BpeModel(vocabulary, merges.Build());
        var ids = new TokenBuffer(tracksOffsets: true);
        byte[] text = new byte[1_000_003];
        Array.Fill(text, (byte)'a');
        model.CreateEncoder().Encode(text, ids);
        Assert.Equal(31_250 + 2, ids.Count);
        Assert.Equal([1, 0], ids.Ids[^2..].ToArray());
        Assert.Equal(text.Length, ids.Ends[^1]);
    }

    [Fact]
    public void A_pair_that_occurs_twice_keeps_the_last_rank()
    {
        Vocabulary vocabulary = Build("a", "b", "c", "ab", "bc");
        var merges = new MergeTable.Builder(vocabulary);
        merges.AddLine("a b"u8);
        merges.AddLine("b c"u8);
        merges.AddLine("a b"u8);
        var ids = new TokenBuffer();
        new BpeModel(vocabulary, merges.Build()).CreateEncoder().Encode("abc"u8, ids);
        Assert.Equal([0, 4], ids.Ids.ToArray());
    }

    [Fact]
    public void A_merge_whose_token_is_missing_names_it()
    {
        var merges = new MergeTable.Builder(Build("a", "b"));
        var error = Assert.Throws<MerganserException>(() => merges.AddLine("a b"u8));
        Assert.Contains("'ab'", error.Message);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Dropout_outside_zero_to_one_is_refused(double dropout)
    {
        Vocabulary vocabulary = Build("a");
        MergeTable merges = new MergeTable.Builder(vocabulary).Build();
        Assert.Throws<MerganserException>(() => new BpeModel(vocabulary, merges) { Dropout = dropout });
    }

    [Fact]
    public void Dropout_of_one_leaves_characters_and_a_seed_repeats_itself()
    {
        Vocabulary vocabulary = Build("a", "b", "ab", "abab");
        var merges = new MergeTable.Builder(vocabulary);
        merges.AddLine("a b"u8);
        merges.AddLine("ab ab"u8);
        MergeTable table = merges.Build();
        Assert.Equal([0, 1, 0, 1], Encode(new BpeModel(vocabulary, table) { Dropout = 1 }, "abab"));
        string text = string.Concat(Enumerable.Repeat("ab", 200));
        int[] once = Encode(new BpeModel(vocabulary, table) { Dropout = 0.3, Seed = 7 }, text);
        Assert.Equal(once, Encode(new BpeModel(vocabulary, table) { Dropout = 0.3, Seed = 7 }, text));
        Assert.NotEqual(Encode(new BpeModel(vocabulary, table), text), once);
        Assert.NotEqual(once, Encode(new BpeModel(vocabulary, table) { Dropout = 0.3, Seed = 8 }, text));
    }

    [Fact]
    public void Unknown_characters_are_fused_dropped_or_written_as_bytes()
    {
        Vocabulary vocabulary = Build("a", "<unk>", "<0xC3>", "<0xA9>");
        MergeTable merges = new MergeTable.Builder(vocabulary).Build();
        Assert.Equal([0, 0], Encode(new BpeModel(vocabulary, merges), "axxa"));
        Assert.Equal([0, 1, 1, 0], Encode(new BpeModel(vocabulary, merges) { UnkToken = "<unk>" }, "axxa"));
        Assert.Equal([0, 1, 0], Encode(new BpeModel(vocabulary, merges) { UnkToken = "<unk>", FuseUnk = true }, "axxa"));
        Assert.Equal([0, 2, 3], Encode(new BpeModel(vocabulary, merges) { UnkToken = "<unk>", ByteFallback = true }, "aé"));
        Assert.Throws<MerganserException>(() => Encode(new BpeModel(vocabulary, merges) { UnkToken = "[UNK]" }, "x"));
    }

    [Fact]
    public void Prefix_and_suffix_mark_the_characters_of_a_word()
    {
        Vocabulary vocabulary = Build("a", "##b", "ab", "##c</w>", "abc</w>", "a</w>");
        var merges = new MergeTable.Builder(vocabulary, "##");
        merges.AddLine("a ##b"u8);
        merges.AddLine("ab ##c</w>"u8);
        var model = new BpeModel(vocabulary, merges.Build()) { EndOfWordSuffix = "</w>" };
        Assert.Equal([4], Encode(model, "abc"));
        Assert.Equal([5], Encode(model, "a"));
    }

    [Fact]
    public void Whole_pretokens_are_taken_when_merges_are_ignored()
    {
        Vocabulary vocabulary = Build("a", "b", "ab");
        MergeTable merges = new MergeTable.Builder(vocabulary).Build();
        Assert.Equal([0, 1], Encode(new BpeModel(vocabulary, merges), "ab"));
        Assert.Equal([2], Encode(new BpeModel(vocabulary, merges) { IgnoreMerges = true }, "ab"));
    }

    internal static Vocabulary Build(params string[] tokens)
    {
        var builder = new Vocabulary.Builder();
        for (int id = 0; id < tokens.Length; id++)
            builder.Add(tokens[id], id);
        return builder.Build();
    }

    private static int[] Encode(BpeModel model, string text)
    {
        var ids = new TokenBuffer();
        model.CreateEncoder().Encode(System.Text.Encoding.UTF8.GetBytes(text), ids);
        return ids.Ids.ToArray();
    }

    private static int Letters(MergeTable merges) => Enumerable.Range(0, merges.Vocabulary.IdLimit).Count(id => merges.Vocabulary[id].Length == 1);

    /// <summary>Letters, then tokens that two random tokens make, in random order of rank.</summary>
    private static MergeTable RandomMerges(Random random, int letters, int count)
    {
        var tokens = new List<string>();
        for (int i = 0; i < letters; i++)
            tokens.Add(((char)('a' + i)).ToString());
        var pairs = new List<(string Left, string Right)>();
        for (int i = 0; i < count; i++)
        {
            string left = tokens[random.Next(tokens.Count)];
            string right = tokens[random.Next(tokens.Count)];
            if (left.Length + right.Length > 12)
                continue;
            pairs.Add((left, right));
            if (!tokens.Contains(left + right))
                tokens.Add(left + right);
        }

        if (random.Next(2) == 0)
            pairs = [.. pairs.OrderBy(_ => random.Next())];
        var merges = new MergeTable.Builder(Build([.. tokens]));
        foreach ((string left, string right) in pairs)
            merges.Add(System.Text.Encoding.UTF8.GetBytes(left), System.Text.Encoding.UTF8.GetBytes(right));
        return merges.Build();
    }

    private static (int[] Ids, int[] Lengths) Merge(MergeEngine engine, int[] symbols)
    {
        int[] ids = [.. symbols];
        int[] lengths = new int[ids.Length];
        Array.Fill(lengths, 1);
        int count = engine.Merge(ids, lengths);
        return (ids[..count], lengths[..count]);
    }

    private static (int[] Ids, int[] Lengths) Naive(MergeTable merges, int[] symbols)
    {
        var ids = new List<int>(symbols);
        var lengths = new List<int>(symbols.Select(_ => 1));
        while (true)
        {
            int best = -1;
            int at = -1;
            for (int i = 0; i + 1 < ids.Count; i++)
            {
                int rank = -1;
                for (int candidate = 0; candidate < merges.Count; candidate++)
                {
                    if (merges[candidate].Left == ids[i] && merges[candidate].Right == ids[i + 1])
                        rank = candidate; // the last one counts
                }

                if (rank >= 0 && (best < 0 || rank < best))
                    (best, at) = (rank, i);
            }

            if (best < 0)
                return ([.. ids], [.. lengths]);
            ids[at] = merges[best].Result;
            lengths[at] += lengths[at + 1];
            ids.RemoveAt(at + 1);
            lengths.RemoveAt(at + 1);
        }
    }
}
