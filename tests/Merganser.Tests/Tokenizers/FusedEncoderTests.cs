using System.Text;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>The fused roads give the tokens and byte ranges of the steps one after the other.</summary>
public sealed class FusedEncoderTests
{
    private static readonly string[] Parts =
    [
        "the", "The", " quick", "brown", " fox", "'s", "'LL", "é", "e\u0301", "ÀÉ", "İ", "日本語", "中文", "Ελλάδα", "привет", "हिन्दी", "한국어", "\u1112\u1161", "😀", "👨‍👩‍👧", "ß",
        " ", "  ", "    ", "\t", "\n", "\n\n", "\r\n", "\u00A0", "\u3000", "\u200B", "\u00AD", "\0", "\u0007", "\uFFFD", "\u0301", "\u0600", "½", "ﬁ", "①", "１２", "123", "2024", "3.14",
        ".", ",", "!", "?", "(", ")", "[", "#", "//", "_", "=", "\u0338", "internationalization", "supercalifragilisticexpialidocious", "aaaaaaaaaaaaaaaaaaaaaaaaa", "▁", "<unk>", "x",
    ];

    [Theory]
    [InlineData("gpt2")]
    [InlineData("cl100k")]
    [InlineData("o200k")]
    [InlineData("llama3")]
    [InlineData("qwen3")]
    [InlineData("gemma3")]
    [InlineData("bert-uncased-npm")]
    public void Real_vocabularies_give_the_same_fused_and_step_by_step(string name)
    {
        string path = Path.Combine(GoldenVocabularies.Folder, name, "tokenizer.json");
        Assert.SkipUnless(File.Exists(path), $"the vocabulary '{name}' is not here: run eng/fetch-vocabularies.sh");
        Tokenizer tokenizer = Tokenizer.Load(path);
        Compare(tokenizer.Normalizer, tokenizer.PreTokenizer, tokenizer.Model, 6000);
    }

    [Theory]
    [InlineData(true, true, null)]
    [InlineData(true, false, null)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    public void Bert_gives_the_same_with_every_option(bool cleans, bool lowers, bool? strips)
    {
        var normalizer = new BertNormalizer { CleanText = cleans, Lowercase = lowers, StripAccents = strips };
        Compare(normalizer, new BertPreTokenizer(), WordPiece(), 4000);
    }

    [Theory]
    [InlineData(PrependScheme.Always, true)]
    [InlineData(PrependScheme.Always, false)]
    [InlineData(PrependScheme.Never, true)]
    public void Unigram_behind_white_space_and_metaspace_gives_the_same(PrependScheme scheme, bool splits)
    {
        var preTokenizer = new SequencePreTokenizer([new WhitespaceSplitPreTokenizer(), new MetaspacePreTokenizer { PrependScheme = scheme, Split = splits }]);
        Compare(null, preTokenizer, Unigram(), 4000);
        Compare(new UnicodeNormalizer { Form = UnicodeForm.Nfkc }, preTokenizer, Unigram(), 4000);
        Compare(new SequenceNormalizer([new UnicodeNormalizer { Form = UnicodeForm.Nfd }, new LowercaseNormalizer(), new StripAccentsNormalizer()]), preTokenizer, Unigram(), 4000);
    }

    [Fact]
    public void Text_written_with_markers_gives_the_same_as_one_pretoken()
    {
        var replace = new ReplaceNormalizer { Pattern = SplitPattern.Literal(" "), Content = "▁" };
        var prepend = new PrependNormalizer { Prepend = "▁" };
        Vocabulary vocabulary = MergeEngineTests.Build(
            ["<unk>", "▁", "t", "h", "e", "o", "x", "a", "n", "q", "u", "i", "c", "k", "▁t", "he", "▁the", "▁▁", "▁▁▁▁", "an", "▁a", "qu", "ic", "\n", "\n\n", "aa", "aaaa", ".", "x.", "日", "本", "日本",
            .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")]);
        var merges = new MergeTable.Builder(vocabulary);
        foreach (string line in (string[])["▁ t", "h e", "▁t he", "▁ ▁", "▁▁ ▁▁", "a n", "▁ a", "q u", "i c", "\n \n", "a a", "aa aa", "x .", "日 本"])
            merges.AddLine(System.Text.Encoding.UTF8.GetBytes(line));
        MergeTable table = merges.Build();
        foreach (bool falls in (bool[])[true, false])
        {
            var model = new BpeModel(vocabulary, table) { UnkToken = "<unk>", FuseUnk = true, ByteFallback = falls };
            Compare(replace, null, model, 4000);
            Compare(new SequenceNormalizer([prepend, replace]), null, model, 4000);
        }
    }

    [Fact]
    public void Text_at_word_boundaries_encodes_to_the_concatenation()
    {
        string path = Path.Combine(GoldenVocabularies.Folder, "cl100k", "tokenizer.json");
        Assert.SkipUnless(File.Exists(path), "the vocabulary 'cl100k' is not here: run eng/fetch-vocabularies.sh");
        Tokenizer tokenizer = Tokenizer.Load(path);
        var random = new Random(9);
        for (int i = 0; i < 500; i++)
        {
            // Between a letter and a space no pattern and no merge goes on.
            string left = RandomText(random, random.Next(1, 30)) + "a";
            string right = " b" + RandomText(random, random.Next(1, 30));
            Assert.Equal([.. tokenizer.EncodeToIds(left), .. tokenizer.EncodeToIds(right)], tokenizer.EncodeToIds(left + right));
            Assert.Equal(tokenizer.EncodeToIds(right).Length, tokenizer.CountTokens(right));
        }
    }

    private static void Compare(Normalizer? normalizer, PreTokenizer? preTokenizer, TokenizerModel model, int cases)
    {
        FusedEncoder fused = FusedEncoder.TryCreate(normalizer, preTokenizer, model)!;
        Assert.NotNull(fused);
        ModelEncoder general = model.CreateEncoder();
        var random = new Random(41);
        var ids = new TokenBuffer();
        var ranges = new TokenBuffer(tracksOffsets: true);
        var expected = new TokenBuffer(tracksOffsets: true);
        for (int i = 0; i < cases; i++)
        {
            string text = RandomText(random, i % 50 == 0 ? random.Next(500, 2500) : random.Next(1, 14));
            byte[] utf8 = System.Text.Encoding.UTF8.GetBytes(text);
            int start = random.Next(2) * 100;
            ids.Clear();
            ranges.Clear();
            expected.Clear();
            List<int>? pretokens = fused.Pretokens is PretokenTracking.EachWord or PretokenTracking.InsideWords ? [] : null;
            List<int> expectedPretokens = [];
            ranges.PretokenEnds = pretokens;
            expected.PretokenEnds = expectedPretokens;
            fused.Encode(utf8, start, ids);
            fused.Encode(utf8, start, ranges);
            StepByStep(normalizer, preTokenizer, general, utf8, start, expected);
            if (expected.Ids.SequenceEqual(ids.Ids) && expected.Ids.SequenceEqual(ranges.Ids) && expected.Starts.SequenceEqual(ranges.Starts) && expected.Ends.SequenceEqual(ranges.Ends)
                && (pretokens is null || expectedPretokens.SequenceEqual(pretokens)))
            {
                continue;
            }

            string shown = text.Length > 200 ? $"{text.Length} characters" : System.Text.Json.JsonSerializer.Serialize(text);
            Assert.Fail($"{shown}: steps {Show(expected)}, fused {Show(ranges)}, pretokens {string.Join(' ', expectedPretokens)} and {string.Join(' ', pretokens ?? [])}, ids alone {string.Join(' ', ids.Ids[..Math.Min(40, ids.Count)].ToArray())}");
        }
    }

    private static string Show(TokenBuffer tokens) => string.Join(' ', Enumerable.Range(0, Math.Min(40, tokens.Count)).Select(i => $"{tokens.Ids[i]}({tokens.Starts[i]},{tokens.Ends[i]})"));

    private static void StepByStep(Normalizer? normalizer, PreTokenizer? preTokenizer, ModelEncoder model, byte[] text, int start, TokenBuffer tokens)
    {
        var normalized = new NormalizedText();
        normalized.Reset(text, start, tracksOffsets: true);
        normalizer?.Normalize(normalized);
        var pieces = new PreTokenizedText();
        pieces.Reset(normalized);
        preTokenizer?.PreTokenize(pieces);
        var inside = new TokenBuffer(tracksOffsets: true);
        for (int piece = 0; piece < pieces.Count; piece++)
        {
            inside.Clear();
            model.Encode(pieces.Piece(piece), inside);
            for (int i = 0; i < inside.Count; i++)
            {
                (int from, int to) = pieces.OriginalRange(piece, inside.Starts[i], inside.Ends[i]);
                tokens.Add(inside.Ids[i], from, to);
            }

            tokens.PretokenEnds!.Add(tokens.Count);
        }
    }

    private static string RandomText(Random random, int parts)
    {
        var text = new StringBuilder();
        for (; parts > 0; parts--)
        {
            text.Append(Parts[random.Next(Parts.Length)]);
            if (random.Next(3) == 0)
                text.Append(' ');
        }

        return text.ToString();
    }

    private static WordPieceModel WordPiece() => new(MergeEngineTests.Build(
        "[UNK]", "the", "The", "quick", "qu", "##ick", "b", "##r", "##own", "##o", "##w", "##n", "fox", "e", "é", "a", "##a", "##aa", "s", "ll", "LL", "日", "本", "語", "中", "文", "1", "##2", "##3",
        ".", ",", "!", "?", "(", ")", "x", "##x", "i", "##t", "##er", "п", "##р", "привет", "ae", "ελλαδα"));

    private static UnigramModel Unigram()
    {
        string[] pieces = ["<unk>", "▁", "▁the", "the", "▁qu", "ick", "▁b", "r", "own", "▁fox", "fox", "e", "é", "a", "aa", "aaa", "s", "'", "日", "本語", "中", "1", "2", "3", "23", ".", ",", "!", "x", "in", "ter", "nation", "al", "п", "привет", "t", "h", "f", "i", "fi", "er"];
        var random = new Random(1);
        return new UnigramModel(MergeEngineTests.Build(pieces), [.. pieces.Select(piece => -8 + (piece.Length * random.NextDouble()))]) { UnkId = 0 };
    }
}
