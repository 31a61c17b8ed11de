using CsCheck;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

public sealed class PreTokenizerTests
{
    private static readonly string[] Characters =
        ["a", "B", " ", " ", "\n", "▁", "é", "1", "23", ".", "-", "-", "中", "か", "カ", "ー", "Ж", "😀", "\u0301", "\u00a0", "'s", "\u0e01"];

    private static readonly Gen<string> Text =
        Gen.Int[0, Characters.Length - 1].Array[0, 20].Select(indexes => string.Concat(indexes.Select(i => Characters[i])));

    [Theory]
    [InlineData(SplitBehavior.Removed, false, "the|final||countdown")]
    [InlineData(SplitBehavior.Isolated, false, "the|-|final|-|-|countdown")]
    [InlineData(SplitBehavior.MergedWithPrevious, false, "the-|final-|-|countdown")]
    [InlineData(SplitBehavior.MergedWithNext, false, "the|-final|-|-countdown")]
    [InlineData(SplitBehavior.Contiguous, false, "the|-|final|--|countdown")]
    [InlineData(SplitBehavior.Removed, true, "-|-|-")]
    [InlineData(SplitBehavior.MergedWithPrevious, true, "the|-final|-|-countdown")]
    public void Matches_go_where_the_behavior_says(SplitBehavior behavior, bool invert, string expected)
    {
        PreTokenizedText text = Cut("the-final--countdown", new SplitPreTokenizer { Pattern = SplitPattern.Literal("-"), Behavior = behavior, Invert = invert });
        Assert.Equal(expected.Replace("||", "|", StringComparison.Ordinal), Pieces(text));
    }

    [Fact]
    public void Each_pre_tokenizer_does_what_its_name_says()
    {
        Assert.Equal("ĠHello|Ġmy|Ġfriend|,|Ġhow|'s|ĠĠ|Ġit|?|ĊĊ", Pieces(Cut("Hello my friend, how's   it?\n\n", new ByteLevelPreTokenizer())));
        Assert.Equal("aĠb", Pieces(Cut("a b", new ByteLevelPreTokenizer { AddPrefixSpace = false, UseRegex = false })));
        Assert.Equal("▁Hey|▁friend!|▁|▁How", Pieces(Cut("Hey friend!  How", new MetaspacePreTokenizer())));
        Assert.Equal("Hey▁friend", Pieces(Cut("Hey friend", new MetaspacePreTokenizer { PrependScheme = PrependScheme.Never, Split = false })));
        Assert.Equal("Hey|friend|!|$", Pieces(Cut("Hey friend!\t$", new BertPreTokenizer())));
        Assert.Equal("Hey|man_1|!?|½", Pieces(Cut("Hey man_1!?\n½", new WhitespacePreTokenizer())));
        Assert.Equal("Hey|man!", Pieces(Cut(" Hey \u2003man!", new WhitespaceSplitPreTokenizer())));
        Assert.Equal("a|-|-|b", Pieces(Cut("a--b", new PunctuationPreTokenizer())));
        Assert.Equal("a|--|b", Pieces(Cut("a--b", new PunctuationPreTokenizer { Behavior = SplitBehavior.Contiguous })));
        Assert.Equal("a|12|b", Pieces(Cut("a12b", new DigitsPreTokenizer())));
        Assert.Equal("a|1|½|b", Pieces(Cut("a1½b", new DigitsPreTokenizer { IndividualDigits = true })));
        Assert.Equal("a|b", Pieces(Cut("a|b", new CharDelimiterSplitPreTokenizer { Delimiter = "|" })));
        Assert.Equal("どこで生れ|。|Yes", Pieces(Cut("どこで生れ。Yes", new UnicodeScriptsPreTokenizer())));
        Assert.Equal("Apples are |りんご 林檎", Pieces(Cut("Apples are りんご 林檎", new UnicodeScriptsPreTokenizer())));
        Assert.Equal("ab|cd|é", Pieces(Cut("abcdé", new FixedLengthPreTokenizer { Length = 2 })));
    }

    [Fact]
    public void A_marker_for_the_first_piece_only_stands_where_the_text_begins()
    {
        var scheme = new MetaspacePreTokenizer { PrependScheme = PrependScheme.First };
        Assert.Equal("▁a|▁b", Pieces(Cut("a b", scheme)));
        Assert.Equal("a|▁b", Pieces(Cut("a b", scheme, originalStart: 3)));
        Assert.Equal("▁a|b", Pieces(Cut("a b", new SequencePreTokenizer([new WhitespaceSplitPreTokenizer(), scheme]))));
        Assert.True(new SequencePreTokenizer([scheme]).NeedsOffsets);
    }

    [Fact]
    public void Pieces_cover_the_text_with_ranges_that_rise()
    {
        PreTokenizer[] all =
        [
            new ByteLevelPreTokenizer(), new ByteLevelPreTokenizer { AddPrefixSpace = false }, new MetaspacePreTokenizer(), new PunctuationPreTokenizer(),
            new DigitsPreTokenizer(), new FixedLengthPreTokenizer(), new PunctuationPreTokenizer { Behavior = SplitBehavior.MergedWithNext },
            new SplitPreTokenizer { Pattern = SplitPattern.Regex(@"\p{L}+|\s"), Behavior = SplitBehavior.MergedWithPrevious },
            new SplitPreTokenizer { Pattern = SplitPattern.Regex(@"(?=\p{Lu})"), Behavior = SplitBehavior.Isolated },
            new SplitPreTokenizer { Pattern = SplitPattern.Regex(@"[^-]+"), Behavior = SplitBehavior.Contiguous, Invert = true },
        ];
        Gen.Select(Text, Gen.Int[0, all.Length - 1], Gen.Int[0, all.Length - 1]).Sample((text, first, second) =>
        {
            foreach (bool tracks in new[] { false, true })
            {
                PreTokenizedText cut = Cut(text, new SequencePreTokenizer([all[first], all[second]]), tracks: tracks);
                int length = System.Text.Encoding.UTF8.GetByteCount(text);
                int lastEnd = 0;
                int covered = 0;
                for (int piece = 0; piece < cut.Count; piece++)
                {
                    (int start, int end) = cut.Bounds(piece);
                    Assert.Equal(lastEnd, start); // no gap: none of these drops text
                    Assert.True(end > start);
                    lastEnd = end;
                    if (!tracks)
                        continue;
                    (int from, int to) = cut.OriginalRange(piece, 0, end - start);
                    Assert.InRange(from, 0, covered);
                    Assert.InRange(to, from, length);
                    covered = Math.Max(covered, to);
                }

                Assert.Equal(cut.Bytes.Length, lastEnd);
                if (tracks)
                    Assert.Equal(length, covered);
            }
        }, iter: 5000);
    }

    [Fact]
    public void Known_patterns_cut_alike_by_scanner_and_by_engine()
    {
        foreach (string pattern in SplitPatternTests.KnownPatterns().Select(row => row.Data))
        {
            if (SplitScanner.TryCreate(pattern) is null)
                continue;
            SplitPattern split = SplitPattern.Regex(pattern);
            Text.Sample(text =>
            {
                PreTokenizedText cut = Cut(text, new SplitPreTokenizer { Pattern = split, Behavior = SplitBehavior.Isolated });
                Assert.Equal(string.Join('|', SplitPatternTests.Matches(split, text)), Pieces(cut));
            }, iter: 2000);
        }
    }

    private static PreTokenizedText Cut(string text, PreTokenizer preTokenizer, int originalStart = 0, bool tracks = true)
    {
        var normalized = new NormalizedText();
        normalized.Reset(System.Text.Encoding.UTF8.GetBytes(text), originalStart, tracks);
        var cut = new PreTokenizedText();
        cut.Reset(normalized);
        preTokenizer.PreTokenize(cut);
        return cut;
    }

    private static string Pieces(PreTokenizedText text) =>
        string.Join('|', Enumerable.Range(0, text.Count).Select(piece => System.Text.Encoding.UTF8.GetString(text.Piece(piece))));
}
