using System.Text;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Encoding into memory of the caller allocates nothing per token, whether words are remembered or new.</summary>
public sealed class AllocationTests
{
    private const int Size = 100_000;

    public static TheoryData<string> Trained => GoldenVocabularies.Files("train-", "encodings");

    [Theory]
    [InlineData("gpt2")]
    [InlineData("cl100k")]
    [InlineData("o200k")]
    [InlineData("llama3")]
    [InlineData("qwen3")]
    [InlineData("gemma3")]
    [InlineData("bert-uncased-npm")]
    public void Published_vocabularies_allocate_nothing_per_token(string name)
    {
        // A tokenizer of its own: other tests, running beside this one, would borrow the working memory that was warmed here.
        string path = Path.Combine(GoldenVocabularies.Folder, name, "tokenizer.json");
        Assert.SkipUnless(File.Exists(path), $"the vocabulary '{name}' is not here: run eng/fetch-vocabularies.sh");
        Check(Tokenizer.Load(path));
    }

    [Theory]
    [MemberData(nameof(Trained))]
    public void Trained_vocabularies_allocate_nothing_per_token(string file) => Check(TrainedGoldenTests.LoadMember(file));

    [Fact]
    public void A_fused_unigram_allocates_nothing_per_token()
    {
        var tokenizer = new Tokenizer(TrainedGoldenTests.LoadMember("train-unigram.json").Model)
        {
            PreTokenizer = new SequencePreTokenizer([new WhitespaceSplitPreTokenizer(), new MetaspacePreTokenizer()]),
        };
        Assert.True(tokenizer.IsFused);
        Check(tokenizer);
    }

    private static void Check(Tokenizer tokenizer)
    {
        var ids = new TokenBuffer();
        var ranges = new TokenBuffer(tracksOffsets: true);
        var random = new Random(11);
        for (int i = 0; i < 8; i++)
            Encode(tokenizer, Text(random, 4 * Size), ids, ranges);
        byte[] utf8 = Text(random, Size);
        long small = Encode(tokenizer, utf8, ids, ranges);
        long largeNew = Encode(tokenizer, Text(random, 2 * Size), ids, ranges);
        int tokens = ids.Count;
        Assert.True(tokens > 10_000);
        long smallKnown = Encode(tokenizer, utf8, ids, ranges);
        // What is left is per call: nothing that the number of tokens decides about.
        Assert.True(largeNew <= small, $"{small} bytes for {Size} bytes of text, {largeNew} for twice as many ({tokens} tokens)");
        Assert.InRange(small, 0, 2048);
        Assert.InRange(smallKnown, 0, 2048);
    }

    /// <summary>Encodes to ids, to ids with ranges, and counts.</summary>
    /// <returns>How many bytes that allocated.</returns>
    private static long Encode(Tokenizer tokenizer, byte[] utf8, TokenBuffer ids, TokenBuffer ranges)
    {
        string text = System.Text.Encoding.UTF8.GetString(utf8);
        ids.Clear();
        ranges.Clear();
        long before = GC.GetAllocatedBytesForCurrentThread();
        tokenizer.EncodeUtf8(utf8, ids, addSpecialTokens: false);
        tokenizer.EncodeUtf8(utf8, ranges, addSpecialTokens: false);
        int count = tokenizer.CountTokens(text, addSpecialTokens: false);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(ids.Count, count);
        Assert.Equal(ids.Ids, ranges.Ids);
        return allocated;
    }

    /// <summary>Lines of prose, and words and numbers that occur once.</summary>
    private static byte[] Text(Random random, int length)
    {
        string[] lines = File.ReadAllLines(Path.Combine(Golden.Folder("tokenizers"), "train-corpus.txt"));
        var text = new StringBuilder();
        while (text.Length < length)
        {
            text.Append(lines[random.Next(lines.Length)]).Append('\n').Append(random.Next()).Append(' ');
            for (int word = 0; word < 5; word++)
            {
                for (int letter = random.Next(1, 30); letter > 0; letter--)
                    text.Append(random.Next(40) == 0 ? 'é' : (char)('a' + random.Next(26)));
                text.Append(' ');
            }
        }

        return System.Text.Encoding.UTF8.GetBytes(text.ToString(0, length));
    }
}
