using System.Text;
using CsCheck;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Documents of files and the counting of their pretokens.</summary>
public sealed class TrainingCorpusTests
{
    [Theory]
    [InlineData(DocumentUnit.Line, "a b|c\r|d")]
    [InlineData(DocumentUnit.LineWithEnd, "a b\n|c\r\n|\n|d")]
    [InlineData(DocumentUnit.File, "a b\nc\r\n\nd")]
    public void A_document_is_what_the_unit_says(DocumentUnit unit, string expected)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["text"], "a b\nc\r\n\nd");
        WordCounts words = WordCounts.From(TrainingCorpus.FromFiles([folder["text"]], unit));
        Assert.Equal(expected.Split('|').Order(StringComparer.Ordinal), Words(words).Select(word => word.Word).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Nothing_follows_the_last_line_feed_and_files_do_not_run_together()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["one"], "a\nb");
        File.WriteAllText(folder["two"], "b\n");
        File.WriteAllText(folder["empty"], "");
        WordCounts words = WordCounts.From(TrainingCorpus.FromFiles([folder["one"], folder["empty"], folder["two"]]));
        Assert.Equal([("b", 2), ("a", 1)], Words(words));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Files_of_many_blocks_and_long_lines_count_as_documents_in_memory_do(int threads)
    {
        using var folder = new TempFolder();
        var random = new Random(3);
        var lines = new List<string>();
        for (int i = 0; i < 200; i++)
            lines.Add(RandomText(random, i % 50 == 7 ? 1_500_000 : 8000));
        File.WriteAllText(folder["text"], string.Join('\n', lines));
        var preTokenizer = new ByteLevelPreTokenizer { AddPrefixSpace = false };
        WordCounts streamed = WordCounts.From(TrainingCorpus.FromFiles([folder["text"]]), null, preTokenizer, new TrainingRun(threads));
        WordCounts inMemory = WordCounts.From(TrainingCorpus.FromDocuments(lines), null, preTokenizer, new TrainingRun(1));
        Assert.True(inMemory.Count > 1000);
        Assert.Equal(Words(inMemory), Words(streamed));
    }

    [Fact]
    public void Byte_level_pretokens_are_counted_alike_on_both_roads() =>
        Gen.Select(Gen.String.Array[0, 6], Gen.Bool).Sample((documents, addsSpace) =>
        {
            var preTokenizer = new ByteLevelPreTokenizer { AddPrefixSpace = addsSpace };
            WordCounts fast = WordCounts.From(TrainingCorpus.FromDocuments(documents), null, preTokenizer, new TrainingRun(1));
            WordCounts general = WordCounts.From(TrainingCorpus.FromDocuments(documents), new SequenceNormalizer([]), preTokenizer, new TrainingRun(1));
            Assert.Equal(Words(general), Words(fast));
        });

    [Fact]
    public void Bytes_that_are_no_text_are_read_as_replacement_characters()
    {
        byte[] bytes = [(byte)'a', 0xFF, (byte)'b', 0xC3];
        WordCounts words = WordCounts.From(TrainingCorpus.FromDocuments([new ReadOnlyMemory<byte>(bytes)]));
        Assert.Equal([("a\uFFFDb\uFFFD", 1)], Words(words));
    }

    [Fact]
    public void Words_are_ordered_by_count_then_by_bytes()
    {
        WordCounts words = WordCounts.From([new("é", 1), new("abcdefghij", 1), new("abcdefghi", 1), new("z", 3), new("ab\0", 1), new("ab", 1), new("é", 1)]);
        Assert.Equal([("z", 3), ("é", 2), ("ab", 1), ("ab\0", 1), ("abcdefghi", 1), ("abcdefghij", 1)], Words(words));
        Assert.Equal(9, words.TotalCount);
    }

    [Fact]
    public void A_file_that_is_missing_is_named()
    {
        using var folder = new TempFolder();
        MerganserException e = Assert.Throws<MerganserException>(() => WordCounts.From(TrainingCorpus.FromFiles([folder["nowhere"]]), run: new TrainingRun(2)));
        Assert.Contains("nowhere", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Cancelling_stops_the_training_and_lets_go_of_the_file(int threads)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["text"], string.Join('\n', Enumerable.Repeat(RandomText(new Random(1), 100_000), 40)));
        foreach (TrainingStage stage in (TrainingStage[])[TrainingStage.Counting, TrainingStage.Seeding, TrainingStage.Estimating])
        {
            using var source = new CancellationTokenSource();
            var run = new TrainingRun(threads, new Watch(progress =>
            {
                if (progress.Stage == stage && (progress.Done > 0 || stage != TrainingStage.Counting))
                    source.Cancel();
            }), source.Token);
            Assert.ThrowsAny<OperationCanceledException>(() =>
                new UnigramTrainer { VocabularySize = 100 }.Train(TrainingCorpus.FromFiles([folder["text"]]), null, new WhitespaceSplitPreTokenizer(), run));
            using FileStream alone = new(folder["text"], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        }

        using var merging = new CancellationTokenSource();
        var stopped = new TrainingRun(threads, new Watch(progress =>
        {
            if (progress.Stage == TrainingStage.Merging && progress.Done > 0)
                merging.Cancel();
        }), merging.Token);
        Assert.ThrowsAny<OperationCanceledException>(() =>
            new BpeTrainer { VocabularySize = 1000 }.Train(TrainingCorpus.FromFiles([folder["text"]]), null, new WhitespaceSplitPreTokenizer(), stopped));
    }

    [Fact]
    public void Progress_rises_to_the_whole_in_every_stage()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["text"], RandomText(new Random(2), 100_000));
        var last = new Dictionary<TrainingStage, TrainingProgress>();
        var run = new TrainingRun(2, new Watch(progress =>
        {
            Assert.True(progress.Done >= last.GetValueOrDefault(progress.Stage).Done);
            last[progress.Stage] = progress;
        }));
        new UnigramTrainer { VocabularySize = 100 }.Train(TrainingCorpus.FromFiles([folder["text"]]), null, new WhitespaceSplitPreTokenizer(), run);
        new BpeTrainer { VocabularySize = 100 }.Train(TrainingCorpus.FromFiles([folder["text"]], DocumentUnit.File), null, new WhitespaceSplitPreTokenizer(), new TrainingRun());
        Assert.Equal([TrainingStage.Counting, TrainingStage.Seeding, TrainingStage.Estimating], last.Keys.Order());
        Assert.All(last.Values, progress => Assert.Equal(progress.Total, progress.Done));
    }

    internal static (string Word, long Count)[] Words(WordCounts words) =>
        [.. Enumerable.Range(0, words.Count).Select(rank => (System.Text.Encoding.UTF8.GetString(words[rank]), words.CountOf(rank)))];

    /// <summary>Words of a few letters, short ones most often.</summary>
    internal static string RandomText(Random random, int length)
    {
        const string letters = "aeintrsloubdé漢";
        var text = new StringBuilder(length);
        while (text.Length < length)
        {
            for (int left = 1 + random.Next(1 + random.Next(6)); left > 0; left--)
                text.Append(letters[random.Next(1 + random.Next(letters.Length))]);
            text.Append(' ');
        }

        return text.ToString(0, length);
    }

    private sealed class Watch(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            lock (this)
                report(value);
        }
    }
}
