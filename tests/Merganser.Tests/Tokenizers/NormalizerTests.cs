using CsCheck;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

public sealed class NormalizerTests
{
    private static readonly string[] Characters =
    [
        "a", "B", " ", "  ", "\t", "\n", "\r\n", "\v", "\0", "\u007f", "é", "e\u0301", "\u0301", "\u0323", "İ", "ẞ", "Ⱥ", "K", "ﬁ", "½", "中", "\u2f800",
        "한", "\u1112\u1161", "\u11ab", "か\u3099", "ﾊﾟ", "\u200b", "\u00ad", "\u2028", "😀", "👩‍👩‍👧", "क्‍ष", "\ue000", "\ufffd", "\u0f73", "\u1e0b\u0323", "x", "1",
    ];

    private static readonly Gen<byte[]> Text = Gen.OneOf(
        Gen.Int[0, Characters.Length - 1].Array[0, 20].Select(indexes => System.Text.Encoding.UTF8.GetBytes(string.Concat(indexes.Select(i => Characters[i])))),
        Gen.Byte.Array[0, 20]);

    public static Normalizer[] All { get; } =
    [
        new UnicodeNormalizer { Form = UnicodeForm.Nfc }, new UnicodeNormalizer { Form = UnicodeForm.Nfd },
        new UnicodeNormalizer { Form = UnicodeForm.Nfkc }, new UnicodeNormalizer { Form = UnicodeForm.Nfkd },
        new LowercaseNormalizer(), new StripNormalizer(), new StripNormalizer { StripLeft = false }, new StripAccentsNormalizer(), new NmtNormalizer(),
        new PrependNormalizer { Prepend = "▁x" }, new ReplaceNormalizer { Pattern = SplitPattern.Literal(" "), Content = "▁" },
        new ReplaceNormalizer { Pattern = SplitPattern.Regex(@"\s+|a(?=\p{L})"), Content = "" }, new ByteLevelNormalizer(),
        new ReplaceNormalizer { Pattern = SplitPattern.Regex(@"\b"), Content = "é" },
        new BertNormalizer(), new BertNormalizer { Lowercase = false, StripAccents = true }, new BertNormalizer { CleanText = false, HandleChineseChars = false },
        new PrecompiledNormalizer(CharsMaps.Build(new Dictionary<string, string>
        {
            ["ﬁ"] = "fi", ["\n"] = " ", ["\r"] = "", ["é"] = "e", ["e\u0301"] = "é", ["中"] = "", ["👩"] = "woman", ["a"] = "A", ["½"] = "1⁄2", ["\u200b"] = "",
        })),
    ];

    [Fact]
    public void With_and_without_offsets_the_text_is_the_same_and_ranges_lie_inside()
    {
        Gen.Select(Text, Gen.Int[0, All.Length - 1], Gen.Int[0, All.Length - 1]).Sample((bytes, first, second) =>
        {
            var plain = new NormalizedText();
            plain.Reset(bytes, 7, false);
            var tracked = new NormalizedText();
            tracked.Reset(bytes, 7, true);
            foreach (Normalizer normalizer in new[] { All[first], All[second] })
            {
                normalizer.Normalize(plain);
                normalizer.Normalize(tracked);
                Assert.Equal(plain.Bytes.ToArray(), tracked.Bytes.ToArray());
            }

            int last = 0;
            for (int at = 0; at < tracked.Length; at++)
            {
                (int start, int end) = tracked.OriginalRange(at, at + 1);
                Assert.InRange(start, 7, 7 + bytes.Length);
                Assert.InRange(end, start, 7 + bytes.Length);
                Assert.True(start >= last);
                last = start;
            }
        }, iter: 20_000);
    }

    [Theory]
    [InlineData("Hello", "▁Hello", new[] { 0, 1, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5 })]
    [InlineData("", "", new int[0])]
    public void A_prefix_shares_the_range_of_the_first_character(string text, string expected, int[] ranges) =>
        AssertNormalized(new PrependNormalizer { Prepend = "▁" }, text, expected, ranges);

    [Fact]
    public void Each_normalizer_does_what_its_name_says()
    {
        AssertNormalized(new LowercaseNormalizer(), "AİΣ", "ai\u0307σ", [0, 1, 1, 3, 1, 3, 3, 5]);
        AssertNormalized(new StripNormalizer(), " \u2003a b \n", "a b", [4, 5, 5, 6, 6, 7]);
        AssertNormalized(new StripNormalizer { StripRight = false }, "  ", "", []);
        AssertNormalized(new StripAccentsNormalizer(), "e\u0301é", "eé", [0, 1, 3, 5]);
        AssertNormalized(new NmtNormalizer(), "a\u0001\u2028b\u00ad", "a b\u00ad", [0, 1, 2, 5, 5, 6, 6, 8]);
        AssertNormalized(new ReplaceNormalizer { Pattern = SplitPattern.Literal("bc"), Content = "xyz" }, "abcd", "axyzd", [0, 1, 2, 3, 2, 3, 2, 3, 3, 4]);
        AssertNormalized(new ByteLevelNormalizer(), " é", "Ġ\u00c3\u00a9", [0, 1, 1, 3, 1, 3]);
        AssertNormalized(new BertNormalizer(), "É\u0000中\t", "e 中  ", [0, 2, 3, 6, 3, 6, 3, 6, 6, 7]);
        AssertNormalized(new BertNormalizer { Lowercase = false }, "É\u200d\u0085", "É", [0, 2]);
        AssertNormalized(new UnicodeNormalizer { Form = UnicodeForm.Nfkd }, "ﬁ", "fi", [0, 3, 0, 3]);
    }

    [Fact]
    public void A_precompiled_table_replaces_clusters_and_takes_removals_from_the_character_before()
    {
        var normalizer = new PrecompiledNormalizer(CharsMaps.Build(new Dictionary<string, string> { ["ﬁ"] = "fi", ["\u200b"] = "", ["e\u0301"] = "é" }));
        // ﬁ gives two characters: the second is inserted. U+200B goes: that is taken from the second, which so becomes a replacement.
        AssertNormalized(normalizer, "ﬁ\u200bx", "fix", [0, 3, 3, 6, 6, 7]);
        AssertNormalized(normalizer, "e\u0301x", "éx", [0, 1, 3, 4]);
        // Nothing was written yet: the removal is not recorded, and all ranges are one character too small.
        AssertNormalized(normalizer, "\u200bab", "ab", [0, 3, 3, 4]);
    }

    [Fact]
    public void Damaged_tables_are_refused()
    {
        byte[] good = CharsMaps.Build(new Dictionary<string, string> { ["ﬁ"] = "fi", ["ab"] = "c", ["abc"] = "d" });
        Assert.NotNull(new PrecompiledNormalizer(good));
        Assert.NotNull(new PrecompiledNormalizer([]));
        foreach (int length in new[] { 1, 3, 5, 7, 100 })
            Assert.Throws<MerganserException>(() => new PrecompiledNormalizer(good.AsSpan(0, length)));
        // A unit whose child is itself.
        var circle = new byte[4 + (4 * 256)];
        BitConverter.TryWriteBytes(circle, 4 * 256);
        BitConverter.TryWriteBytes(circle.AsSpan(4 + (4 * 'a')), (uint)'a' | ((uint)'a' << 10));
        Assert.Throws<MerganserException>(() => new PrecompiledNormalizer(circle));
        // A leaf that points behind the replacements.
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Text).Sample((at, value, text) =>
        {
            byte[] bad = [.. good];
            bad[at] = value;
            try
            {
                var normalized = new NormalizedText();
                normalized.Reset(text, 0, true);
                new PrecompiledNormalizer(bad).Normalize(normalized);
            }
            catch (MerganserException error)
            {
                Assert.Contains("precompiled_charsmap", error.Message, StringComparison.Ordinal);
            }
        }, iter: 5000);
    }

    private static void AssertNormalized(Normalizer normalizer, string text, string expected, int[] ranges)
    {
        foreach (bool tracks in new[] { false, true })
        {
            var normalized = new NormalizedText();
            normalized.Reset(System.Text.Encoding.UTF8.GetBytes(text), 0, tracks);
            normalizer.Normalize(normalized);
            Assert.Equal(expected, System.Text.Encoding.UTF8.GetString(normalized.Bytes));
            if (tracks)
                Assert.Equal(ranges, Samples.CharacterRanges(normalized));
        }
    }
}
