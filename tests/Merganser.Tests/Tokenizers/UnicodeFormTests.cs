using System.Globalization;
using System.Text;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

public sealed class UnicodeFormTests
{
    private static readonly UnicodeForm[] Forms = [UnicodeForm.Nfc, UnicodeForm.Nfd, UnicodeForm.Nfkc, UnicodeForm.Nfkd];

    [Fact]
    public void Lines_of_the_conformance_test_come_out_as_it_says()
    {
        int lines = 0;
        foreach (string[] columns in Samples.Rows("normalization.txt").Select(line => line.Split(';')))
        {
            string[] texts = Array.ConvertAll(columns, Samples.FromHex);
            for (int column = 0; column < texts.Length; column++)
            {
                Assert.Equal(texts[column < 3 ? 1 : 3], Run(texts[column], UnicodeForm.Nfc));
                Assert.Equal(texts[column < 3 ? 2 : 4], Run(texts[column], UnicodeForm.Nfd));
                Assert.Equal(texts[3], Run(texts[column], UnicodeForm.Nfkc));
                Assert.Equal(texts[4], Run(texts[column], UnicodeForm.Nfkd));
            }

            lines++;
        }

        Assert.True(lines > 900);
    }

    [Fact]
    public void Text_in_a_form_stays_as_it_is()
    {
        foreach (string[] columns in Samples.Rows("normalization.txt").Select(line => line.Split(';')))
        {
            string text = string.Concat(columns.Select(Samples.FromHex));
            foreach (UnicodeForm form in Forms)
            {
                string once = Run(text, form);
                Assert.Equal(once, Run(once, form));
            }
        }
    }

    [Fact]
    public void Clusters_of_the_conformance_test_end_where_it_says()
    {
        int lines = 0;
        foreach (string line in Samples.Rows("graphemes.txt"))
        {
            var text = new StringBuilder();
            var expected = new List<int>();
            foreach (string part in line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                if (part == "÷")
                    expected.Add(System.Text.Encoding.UTF8.GetByteCount(text.ToString()));
                else if (part != "×")
                    text.Append(char.ConvertFromUtf32(int.Parse(part, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            }

            byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text.ToString());
            var found = new List<int> { 0 };
            for (int at = 0; at < bytes.Length;)
                found.Add(at = GraphemeBreaker.End(bytes, at));
            Assert.Equal(expected, found);
            lines++;
        }

        Assert.True(lines > 1000);
    }

    [Theory]
    [InlineData("e\u0301", "é", new[] { 0, 1 })] // the range of the letter alone
    [InlineData("x\u1112\u1161\u11ab", "x한", new[] { 0, 1, 1, 4 })] // that of the first jamo
    public void A_composed_character_takes_the_range_of_its_first(string text, string expected, int[] ranges)
    {
        var normalized = new NormalizedText();
        normalized.Reset(System.Text.Encoding.UTF8.GetBytes(text), 0, true);
        new UnicodeNormalizer { Form = UnicodeForm.Nfc }.Normalize(normalized);
        Assert.Equal(expected, System.Text.Encoding.UTF8.GetString(normalized.Bytes));
        Assert.Equal(ranges, Samples.CharacterRanges(normalized));
    }

    [Fact]
    public void Every_category_flag_agrees_with_the_runtime_where_both_know_the_character()
    {
        int differences = 0;
        for (int c = 0; c < 0x110000; c++)
        {
            UnicodeCategory known = CharUnicodeInfo.GetUnicodeCategory(c);
            UnicodeCategory ours = UnicodeTable.Category(c);
            if (ours == UnicodeCategory.OtherNotAssigned || known == UnicodeCategory.OtherNotAssigned)
                continue;
            differences += ours != known ? 1 : 0;
        }

        Assert.True(differences <= 4, $"{differences} differences"); // a few characters change category from version to version
        Assert.Equal(UnicodeCategory.UppercaseLetter, UnicodeTable.Category(0x1C89)); // new in 16.0
        Assert.Equal(UnicodeCategory.OtherNotAssigned, UnicodeTable.Category(0x20C1)); // new in 17.0
        Assert.False(UnicodeTable.IsWhiteSpace(0x1C) || UnicodeTable.IsWhiteSpace(0x200B) || UnicodeTable.IsWhiteSpace(0x180E));
    }

    [Fact]
    public void What_a_walk_over_all_code_points_leaves_out_is_like_what_it_visits()
    {
        int visited = 0;
        for (int c = 0; c < 0x110000; c++)
        {
            if (c == UnicodeData.Next(visited))
                visited = c;
            Assert.Equal(UnicodeTable.Category(visited), UnicodeTable.Category(c));
            if (c == visited)
                continue;
            Assert.Equal(UnicodeTable.Script(visited), UnicodeTable.Script(c));
            Assert.Equal(UnicodeTable.GraphemeBreak(visited), UnicodeTable.GraphemeBreak(c));
            Assert.Equal(c, UnicodeTable.ToFold(c));
            Assert.False(UnicodeTable.IsWhiteSpace(c) || UnicodeTable.IsWord(c));
        }
    }

    private static string Run(string text, UnicodeForm form)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        var plain = new NormalizedText();
        plain.Reset(bytes, 0, false);
        var tracked = new NormalizedText();
        tracked.Reset(bytes, 0, true);
        var normalizer = new UnicodeNormalizer { Form = form };
        normalizer.Normalize(plain);
        normalizer.Normalize(tracked);
        Assert.True(plain.Bytes.SequenceEqual(tracked.Bytes));
        Samples.AssertRising(tracked, bytes.Length);
        return System.Text.Encoding.UTF8.GetString(plain.Bytes);
    }
}
