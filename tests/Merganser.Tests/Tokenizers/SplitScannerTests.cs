using System.Text;
using System.Text.RegularExpressions;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

public sealed class SplitScannerTests
{
    // What meets in text: letters of all kinds, marks, digits, all sorts of white space, contractions, symbols.
    private static readonly string[] Parts =
    [
        "a", "b", "hello", "World", "ABC", "X", "é", "ß", "ǅ", "ʰ", "日本", "語", "ñ", "я", "Я", "а́", "\u0301", "\u0903", "1", "23", "4567", "٣", "Ⅷ", "½",
        " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", "\u00A0", "\u3000", "\u2028", "\u0085", "\u200B", "'s", "'S", "'t", "'re", "'VE", "'ll", "'LL", "'ſ", "'", "'x", "'r",
        ".", "...", "!?", "(", ")", "/", "//", "\"", "“", "—", "€", "_", "#", "\u001C", "\0", "\uFFFD", "ا", "हि", "न्दी", "ที่",
    ];

    public static TheoryData<string, string> Patterns() => new()
    {
        { SplitScanner.Gpt2Pattern, SplitScanner.Gpt2Pattern },
        { @"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s", @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+\z|\s+(?!\S)|\s" },
        { SplitScanner.Cl100kPattern, SplitScanner.Cl100kPattern },
        { @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s", @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|(?>[^\r\n\p{L}\p{N}]?)\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|(?>\s+)\z|\s*[\r\n]|\s+(?!\S)|\s" },
        { SplitScanner.QwenPattern, SplitScanner.QwenPattern },
        { SplitScanner.O200kPattern, SplitScanner.O200kPattern },
        { SplitScanner.TekkenPattern, SplitScanner.TekkenPattern },
    };

    [Theory]
    [MemberData(nameof(Patterns))]
    public void A_scanner_cuts_short_texts_as_the_regular_expression_does(string pattern, string reference)
    {
        Regex regex = Reference(reference);
        var random = new Random(17);
        for (int i = 0; i < 20_000; i++)
            AssertSame(pattern, regex, RandomText(random, random.Next(1, 12)));
    }

    [Theory]
    [MemberData(nameof(Patterns))]
    public void A_scanner_cuts_long_texts_with_long_runs_as_the_regular_expression_does(string pattern, string reference)
    {
        Regex regex = Reference(reference);
        var random = new Random(23);
        for (int i = 0; i < 40; i++)
        {
            var text = new StringBuilder();
            while (text.Length < 15_000)
            {
                text.Append(RandomText(random, random.Next(1, 400)));
                if (random.Next(3) == 0)
                {
                    string part = Parts[random.Next(Parts.Length)];
                    for (int n = random.Next(1, 3000); n > 0; n--)
                        text.Append(part);
                }
            }

            AssertSame(pattern, regex, text.ToString());
        }
    }

    [Theory]
    [MemberData(nameof(Patterns))]
    public void Pretokens_cover_any_bytes(string pattern, string reference)
    {
        Assert.NotNull(reference);
        var random = new Random(5);
        for (int i = 0; i < 300; i++)
        {
            var bytes = new byte[random.Next(1, 9000)];
            random.NextBytes(bytes);
            List<int> ends = Cut(pattern, bytes);
            Assert.Equal(bytes.Length, ends[^1]);
            for (int j = 1; j < ends.Count; j++)
                Assert.True(ends[j] > ends[j - 1]);
        }
    }

    [Theory]
    [MemberData(nameof(Patterns))]
    public void Astral_letters_and_digits_are_single_characters(string pattern, string reference)
    {
        // The reference sees 𝒜 as B, 𝟙 as 1 and 𐐨 as b: the same classes, one UTF-16 unit each.
        Regex regex = Reference(reference);
        var random = new Random(29);
        for (int i = 0; i < 5000; i++)
        {
            string text = RandomText(random, random.Next(1, 12));
            string astral = text.Replace("X", "𝒜").Replace("1", "𝟙").Replace("b", "𐐨").Replace("€", "😀").Replace("語", "𠀀");
            List<int> ends = Cut(pattern, System.Text.Encoding.UTF8.GetBytes(astral));
            var expected = new List<int>();
            int end = 0;
            foreach (Match match in regex.Matches(text))
            {
                end += System.Text.Encoding.UTF8.GetByteCount(match.Value.Replace("X", "𝒜").Replace("1", "𝟙").Replace("b", "𐐨").Replace("€", "😀").Replace("語", "𠀀"));
                expected.Add(end);
            }

            Assert.True(expected.SequenceEqual(ends), $"{pattern}: '{astral}'");
        }
    }

    [Fact]
    public void An_unknown_pattern_has_no_scanner() => Assert.Null(SplitScanner.TryCreate(@"\w+"));

    // U+017F is a form of s for the engines that the patterns come from.
    private static Regex Reference(string pattern) => new(pattern.Replace("(?i:'s|", "(?i:'s|'ſ|"), RegexOptions.CultureInvariant, TimeSpan.FromSeconds(20));

    private static string RandomText(Random random, int parts)
    {
        var text = new StringBuilder();
        for (; parts > 0; parts--)
            text.Append(Parts[random.Next(Parts.Length)]);
        return text.ToString();
    }

    private static void AssertSame(string pattern, Regex regex, string text)
    {
        List<int> ends = Cut(pattern, System.Text.Encoding.UTF8.GetBytes(text));
        var expected = new List<int>();
        int end = 0;
        foreach (Match match in regex.Matches(text))
        {
            end += System.Text.Encoding.UTF8.GetByteCount(match.ValueSpan);
            expected.Add(end);
        }

        Assert.True(expected.SequenceEqual(ends), text.Length > 200 ? $"{pattern}: long text, {expected.Zip(ends).TakeWhile(pair => pair.First == pair.Second).Count()} the same of {expected.Count}" : $"{pattern}: '{text}' expected {string.Join(' ', expected)} but {string.Join(' ', ends)}");
    }

    private static List<int> Cut(string pattern, byte[] text)
    {
        SplitScanner scanner = SplitScanner.TryCreate(pattern)!;
        var window = new ScanWindow();
        var ends = new List<int>();
        for (int start = 0; start < text.Length;)
        {
            int next = scanner.Next(text, start, window);
            for (int i = 0; i < window.Count; i++)
                ends.Add(start + window.Ends[i]);
            start = next;
        }

        return ends;
    }
}
