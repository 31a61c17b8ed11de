using CsCheck;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Properties, options and errors of the BPE, WordPiece and WordLevel trainers.</summary>
public sealed class MergeTrainerTests
{
    private static readonly Gen<WordCounts> Words =
        Gen.Select(Gen.String[Gen.Char["abcé漢"], 1, 9], Gen.Long[1, 20]).Array[1, 30].Select(words => WordCounts.From(words.Select(word => new KeyValuePair<string, long>(word.Item1, word.Item2))));

    private static readonly Gen<BpeTrainer> Trainers =
        Gen.Select(Gen.Int[30, 90], Gen.Bool, Gen.Bool, Gen.Int[0, 3], Gen.Int[0, 8], Gen.Int[0, 5]).Select((size, hasPrefix, hasSuffix, least, length, limit) => new BpeTrainer
        {
            VocabularySize = size,
            SpecialTokens = ["<s>", "a"],
            ContinuingSubwordPrefix = hasPrefix ? "##" : "",
            EndOfWordSuffix = hasSuffix ? "</w>" : "",
            MinFrequency = least,
            MaxTokenLength = length == 0 ? null : length,
            LimitAlphabet = limit == 0 ? null : limit,
        });

    [Fact]
    public void Every_merge_joins_two_tokens_into_one_of_the_vocabulary() =>
        Gen.Select(Words, Trainers).Sample((words, trainer) =>
        {
            var model = (BpeModel)trainer.Train(words, new TrainingRun(1)).Model;
            Assert.True(model.Vocabulary.Count <= trainer.VocabularySize);
            for (int rank = 0; rank < model.Merges.Count; rank++)
            {
                (int left, int right, int result) = model.Merges[rank];
                string tail = model.Vocabulary.GetText(right);
                if (trainer.ContinuingSubwordPrefix.Length > 0 && tail.StartsWith(trainer.ContinuingSubwordPrefix, StringComparison.Ordinal))
                    tail = tail[trainer.ContinuingSubwordPrefix.Length..];
                Assert.Equal(model.Vocabulary.GetText(left) + tail, model.Vocabulary.GetText(result));
            }
        });

    [Fact]
    public void Merges_are_those_of_counting_anew_each_time() =>
        Words.Sample(words =>
        {
            var model = (BpeModel)new BpeTrainer { VocabularySize = 60, SpecialTokens = ["<s>"] }.Train(words, new TrainingRun(1)).Model;
            AssertNaive(model, words, 60);
        });

    [Theory]
    [InlineData("bpe")]
    [InlineData("wordpiece")]
    [InlineData("wordlevel")]
    [InlineData("unigram")]
    public void The_result_does_not_depend_on_the_number_of_threads(string kind)
    {
        string[] documents = [.. Enumerable.Range(0, 300).Select(i => TrainingCorpusTests.RandomText(new Random(i), 5000))];
        string? first = null;
        foreach (int threads in (int[])[1, 2, 3, 8])
        {
            TokenizerTrainer trainer = kind switch
            {
                "bpe" => new BpeTrainer { VocabularySize = 400 },
                "wordpiece" => new WordPieceTrainer { VocabularySize = 400, SpecialTokens = ["[UNK]"] },
                "wordlevel" => new WordLevelTrainer { VocabularySize = 400 },
                _ => new UnigramTrainer { VocabularySize = 400, SeedSize = 3000 },
            };
            TrainedTokenizer trained = trainer.Train(TrainingCorpus.FromDocuments(documents), null, new WhitespaceSplitPreTokenizer(), new TrainingRun(threads));
            var text = new System.Text.StringBuilder();
            for (int id = 0; id < trained.Model.Vocabulary.IdLimit; id++)
                text.Append(trained.Model.Vocabulary.GetText(id)).Append(trained.Model is UnigramModel unigram ? BitConverter.DoubleToInt64Bits(unigram.Scores[id]) : 0).Append('\n');
            for (int rank = 0; rank < ((trained.Model as BpeModel)?.Merges.Count ?? 0); rank++)
                text.Append(((BpeModel)trained.Model).Merges[rank]).Append('\n');
            first ??= text.ToString();
            Assert.Equal(first, text.ToString());
        }
    }

    [Fact]
    public void Rare_pairs_stay_apart_below_the_minimum_frequency()
    {
        WordCounts words = WordCounts.From([new("ab", 5), new("cd", 4)]);
        Assert.Equal(["ab"], Merged(new BpeTrainer { MinFrequency = 5 }, words));
        Assert.Equal(["ab", "cd"], Merged(new BpeTrainer { MinFrequency = 4 }, words));
    }

    [Fact]
    public void Tokens_of_more_than_two_characters_stay_below_the_maximum_length()
    {
        WordCounts words = WordCounts.From([new("abcdefgh", 5)]);
        Assert.Equal(4, Merged(new BpeTrainer { MaxTokenLength = 5 }, words).Max(token => token.Length));
        Assert.Equal(2, Merged(new BpeTrainer { MaxTokenLength = 1 }, words).Max(token => token.Length));
    }

    [Fact]
    public void A_limited_alphabet_keeps_the_most_frequent_characters_and_the_initial_ones()
    {
        WordCounts words = WordCounts.From([new("aab", 2), new("cb", 1), new("d", 1)]);
        var trained = new BpeTrainer { LimitAlphabet = 3, InitialAlphabet = "z", VocabularySize = 3 }.Train(words);
        Assert.Equal(["a", "b", "z"], Enumerable.Range(0, 3).Select(trained.Model.Vocabulary.GetText));
    }

    [Fact]
    public void Word_lists_leave_out_rare_words_and_do_not_repeat_special_tokens()
    {
        WordCounts words = WordCounts.From([new("b", 2), new("a", 2), new("<s>", 9), new("rare", 1)]);
        TrainedTokenizer trained = new WordLevelTrainer { SpecialTokens = ["<unk>", "<s>"], MinFrequency = 2 }.Train(words);
        Assert.Equal(["<unk>", "<s>", "a", "b"], Enumerable.Range(0, trained.Model.Vocabulary.Count).Select(trained.Model.Vocabulary.GetText));
        Assert.Equal([(0, "<unk>", true), (1, "<s>", true)], trained.AddedTokens.Select(token => (token.Id, token.Content, token.Special)));
    }

    [Fact]
    public void A_vocabulary_too_small_for_special_tokens_and_characters_is_refused()
    {
        WordCounts words = WordCounts.From([new("abc", 1)]);
        string[] specials = ["<s>", "</s>"];
        TokenizerTrainer[] trainers =
        [
            new BpeTrainer { VocabularySize = 4, SpecialTokens = specials },
            new WordPieceTrainer { VocabularySize = 6, SpecialTokens = specials },
            new UnigramTrainer { VocabularySize = 4, SpecialTokens = specials },
            new UnigramTrainer { VocabularySize = 5, SpecialTokens = specials, UnkToken = "<unk>" },
            new WordLevelTrainer { VocabularySize = 1, SpecialTokens = specials },
        ];
        foreach (TokenizerTrainer trainer in trainers)
        {
            MerganserException e = Assert.Throws<MerganserException>(() => trainer.Train(words));
            Assert.Contains("vocab_size", e.Message, StringComparison.Ordinal);
        }

        Assert.Equal(5, new BpeTrainer { VocabularySize = 5, SpecialTokens = specials }.Train(words).Model.Vocabulary.Count);
        Assert.Equal(7, new WordPieceTrainer { VocabularySize = 7, SpecialTokens = specials }.Train(words).Model.Vocabulary.Count);
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        (string Option, Func<TokenizerTrainer> Make)[] cases =
        [
            ("vocab_size", () => new BpeTrainer { VocabularySize = 0 }),
            ("min_frequency", () => new BpeTrainer { MinFrequency = -1 }),
            ("min_frequency", () => new WordLevelTrainer { MinFrequency = -1 }),
            ("limit_alphabet", () => new WordPieceTrainer { LimitAlphabet = -1 }),
            ("max_token_length", () => new BpeTrainer { MaxTokenLength = 0 }),
            ("special_tokens", () => new BpeTrainer { SpecialTokens = [""] }),
            ("shrinking_factor", () => new UnigramTrainer { ShrinkingFactor = 1 }),
            ("shrinking_factor", () => new UnigramTrainer { ShrinkingFactor = double.NaN }),
            ("n_sub_iterations", () => new UnigramTrainer { SubIterations = 0 }),
            ("max_piece_length", () => new UnigramTrainer { MaxPieceLength = 0 }),
            ("seed_size", () => new UnigramTrainer { SeedSize = 0 }),
        ];
        foreach ((string option, Func<TokenizerTrainer> make) in cases)
            Assert.Contains(option, Assert.Throws<MerganserException>(make).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => WordCounts.From([new("a", 0)]));
        Assert.Throws<ArgumentException>(() => WordCounts.From([new("", 1)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TrainingRun(-1));
    }

    [Fact]
    public void Training_on_nothing_gives_the_special_tokens_and_the_initial_alphabet()
    {
        WordCounts none = WordCounts.From([]);
        Assert.Equal(257, new BpeTrainer { SpecialTokens = ["<s>"], InitialAlphabet = BpeTrainer.ByteLevelInitialAlphabet }.Train(none).Model.Vocabulary.Count);
        Assert.Equal(1, new WordLevelTrainer { SpecialTokens = ["<s>"] }.Train(none).Model.Vocabulary.Count);
        Assert.Equal(3, new UnigramTrainer { SpecialTokens = ["<s>"], InitialAlphabet = "ab" }.Train(none).Model.Vocabulary.Count);
    }

    private static string[] Merged(BpeTrainer trainer, WordCounts words)
    {
        var model = (BpeModel)trainer.Train(words).Model;
        return [.. Enumerable.Range(0, model.Merges.Count).Select(rank => model.Vocabulary.GetText(model.Merges[rank].Result))];
    }

    /// <summary>Replays the merges on strings; holds until a merge makes a token for the second time, where bookkeeping matters.</summary>
    private static void AssertNaive(BpeModel model, WordCounts words, int size)
    {
        List<(List<string> Parts, long Count)> texts = [.. TrainingCorpusTests.Words(words).Select(word => (word.Word.EnumerateRunes().Select(rune => rune.ToString()).ToList(), word.Count))];
        var made = new HashSet<string>();
        for (int rank = 0; rank < model.Merges.Count; rank++)
        {
            var counts = new Dictionary<(int, int), long>();
            foreach ((List<string> parts, long count) in texts)
            {
                for (int at = 0; at + 1 < parts.Count; at++)
                {
                    (int, int) pair = (Id(parts[at]), Id(parts[at + 1]));
                    counts[pair] = counts.GetValueOrDefault(pair) + count;
                }
            }

            (int Left, int Right) best = counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).First().Key;
            Assert.Equal(best, (model.Merges[rank].Left, model.Merges[rank].Right));
            if (!made.Add(model.Vocabulary.GetText(model.Merges[rank].Result)))
                return;
            foreach ((List<string> parts, _) in texts)
            {
                for (int at = 0; at + 1 < parts.Count; at++)
                {
                    if ((Id(parts[at]), Id(parts[at + 1])) != best)
                        continue;
                    parts[at] += parts[at + 1];
                    parts.RemoveAt(at + 1);
                }
            }
        }

        Assert.True(model.Vocabulary.Count == size || texts.All(text => text.Parts.Count == 1));

        int Id(string token) => model.Vocabulary.TryGetId(token, out int id) ? id : throw new InvalidOperationException(token);
    }
}
