using System.Text.RegularExpressions;
using CsCheck;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

public sealed class SplitPatternTests
{
    private const string Contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

    public static TheoryData<string> KnownPatterns() =>
    [
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        Contraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        Contraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        @"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))",
    ];

    [Theory]
    [MemberData(nameof(KnownPatterns))]
    public void Known_patterns_match_what_the_runtime_matches_on_basic_text(string pattern)
    {
        // Letters that the runtime may know by another version are left out: the texts hold old characters only.
        var regex = new Regex(pattern, RegexOptions.CultureInvariant);
        SplitPattern ours = SplitPattern.Regex(pattern);
        Gen<char> one = OneOf(' ', ' ', ' ', '\n', '\r', '\t', '\'', 's', 'S', 'T', 'l', 'L', 'r', 'e', 'v', 'd', 'a', 'Z', 'é', 'ß',
            'Ж', 'и', '中', '文', '1', '2', '٣', '²', '.', '!', '/', '-', '\u0301', '\u00a0', '\u2003', '\u200b', 'ǅ', 'ʰ', '한', 'क', '्');
        one.Array[0, 40].Sample(chars => AssertSame(regex, ours, new string(chars)), iter: 3000);
    }

    [Fact]
    public void Random_patterns_match_what_the_runtime_matches()
    {
        Gen<string> pattern = RandomPattern(3);
        Gen<string> text = OneOf('a', 'b', 'c', 'A', ' ', '1', '\n', 'é').Array[0, 14].Select(chars => new string(chars));
        Gen.Select(pattern, text).Sample((p, t) =>
        {
            SplitPattern ours = SplitPattern.Regex(p);
            // Where something that may match nothing is repeated without end the engines of the world disagree.
            if (ours.Program!.HasEmptyLoops)
                return;
            AssertSame(new Regex(p, RegexOptions.Multiline | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(20)), ours, t);
        }, iter: 20_000);
    }

    [Theory]
    [InlineData("'s", "x\u017f's'S'\u017f", "(?i:'s)")]
    [InlineData("k", "K\u212ak", "(?i)k")]
    public void Case_folds_to_the_long_s_and_the_kelvin_sign(string letter, string text, string pattern)
    {
        Assert.NotEmpty(letter);
        List<string> found = Matches(SplitPattern.Regex(pattern), text);
        Assert.Equal(3, found.Count);
    }

    [Fact]
    public void Letters_and_digits_beyond_the_basic_plane_count_as_one()
    {
        Assert.Equal(["𝟏𝟐𝟑", "𝟒"], Matches(SplitPattern.Regex(@"\p{N}{1,3}"), "𝟏𝟐𝟑𝟒"));
        Assert.Equal(["𐐀𐐁"], Matches(SplitPattern.Regex(@"\p{L}+"), "1𐐀𐐁2"));
        Assert.Equal(["😀"], Matches(SplitPattern.Regex(@"[^\s\p{L}]"), " a😀 "));
    }

    [Theory]
    [InlineData(@"(a)\1", "\\1")]
    [InlineData(@"a\Kb", "\\K")]
    [InlineData(@"\Ga", "\\G")]
    [InlineData(@"(?(1)a|b)", "(?(")]
    [InlineData(@"(?x) a", "(?x")]
    [InlineData(@"\p{Sorbian}", "\\p{Sorbian}")]
    [InlineData(@"[[:upper:]]", "[:upper:]")]
    [InlineData(@"(?<=a*)b", "look")]
    [InlineData(@"(a", "')'")]
    [InlineData(@"a)", "')'")]
    [InlineData(@"[a", "']'")]
    [InlineData(@"*a", "'*'")]
    [InlineData(@"a{2,1}", "{2,1}")]
    [InlineData("a\\", "backslash")]
    [InlineData(@"(*SKIP)", "(*")]
    [InlineData(@"\x{110000}", "U+110000")]
    [InlineData(@"(?=a)*", "quantifier")]
    public void What_is_not_supported_is_refused_by_name(string pattern, string named)
    {
        MerganserException error = Assert.Throws<MerganserException>(() => SplitPattern.Regex(pattern));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("(a+)+$")]
    [InlineData("(a|a)*$")]
    [InlineData("(a*)*$")]
    [InlineData("(a|aa)+$")]
    [InlineData("a*a*a*a*a*b")]
    [InlineData("(?=(a+)+$)c")]
    [InlineData("(?:a{1,50}){1,50}c")]
    [InlineData("(?>a*)b")]
    [InlineData("(?<=(a|aa){1,100})c")]
    public void Hostile_patterns_end_on_a_long_text(string pattern)
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(new string('a', 100_000) + "!");
        SplitPattern ours = SplitPattern.Regex(pattern);
        try
        {
            PatternSearch search = ours.Search(text, ours.Rent());
            while (search.MoveNext())
            {
            }
        }
        catch (MerganserException error)
        {
            Assert.Contains("split pattern", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Patterns_that_are_too_large_are_refused()
    {
        Assert.Throws<MerganserException>(() => SplitPattern.Regex(new string('a', 1_000_000)));
        Assert.Throws<MerganserException>(() => SplitPattern.Regex("(((a{1,1000}b){1,1000}){1,1000}){1,1000}"));
        Assert.Throws<MerganserException>(() => SplitPattern.Regex("((((){1000}){1000}){1000}){1000}"));
        Assert.Throws<MerganserException>(() => SplitPattern.Regex(new string('(', 10_000) + "a" + new string(')', 10_000)));
        Assert.Throws<MerganserException>(() => SplitPattern.Regex(string.Concat(Enumerable.Repeat("[[a", 3000))));
    }

    [Fact]
    public void Ten_thousand_mutated_patterns_compile_or_are_refused()
    {
        string[] seeds = [.. KnownPatterns().Select(row => row.Data)];
        Gen<string> mutated = Gen.Select(Gen.Int[0, seeds.Length - 1], Gen.Int[0, 200], Gen.Int[0, 12], OneOf("(", ")", "[", "]", "{", "}", "\\", "?", "*", "+", "|", "^", "&&", "-", "p", "{9", "(?<=", "(?i")).Select(
            (seed, at, removed, added) => seeds[seed].Remove(Math.Min(at, seeds[seed].Length - 1), Math.Min(removed, seeds[seed].Length - 1 - Math.Min(at, seeds[seed].Length - 1))).Insert(Math.Min(at, 20), added));
        mutated.Sample(pattern =>
        {
            try
            {
                Matches(SplitPattern.Regex(pattern), "It's 1234 über  \n\n x");
            }
            catch (MerganserException)
            {
            }
        }, iter: 10_000);
    }

    internal static List<string> Matches(SplitPattern pattern, string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        var found = new List<string>();
        PatternSearch search = pattern.Search(bytes, pattern.Rent());
        while (search.MoveNext())
            found.Add(System.Text.Encoding.UTF8.GetString(bytes[search.Start..search.End]));
        return found;
    }

    private static void AssertSame(Regex regex, SplitPattern ours, string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        var expected = new List<(int, int)>();
        int lastEnd = -1;
        foreach (Match match in regex.Matches(text))
        {
            int start = System.Text.Encoding.UTF8.GetByteCount(text.AsSpan(0, match.Index));
            int end = start + System.Text.Encoding.UTF8.GetByteCount(match.ValueSpan);
            // An empty match right after another one does not count here.
            if (start == end && end == lastEnd)
                continue;
            expected.Add((start, end));
            lastEnd = end;
        }

        var found = new List<(int, int)>();
        PatternSearch search = ours.Search(bytes, ours.Rent());
        while (search.MoveNext())
            found.Add((search.Start, search.End));
        if (!expected.SequenceEqual(found))
            Assert.Fail($"'{ours.Text}' on '{text.Replace("\n", "\\n", StringComparison.Ordinal)}': runtime {string.Join(' ', expected)}, ours {string.Join(' ', found)}");
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    private static Gen<string> RandomPattern(int depth)
    {
        Gen<string> atom = OneOf("a", "b", "c", "é", ".", "[ab]", "[^a]", @"\s", @"\S", @"\d", @"\w", @"\p{L}", @"[^\s\p{L}]", "(?i:a)", "ab", "[a-c1]");
        if (depth == 0)
            return atom;
        Gen<string> inner = RandomPattern(depth - 1);
        Gen<string> look = Gen.Select(OneOf("(?=", "(?!", "(?<=", "(?<!"), atom, (open, body) => open + body + ")");
        Gen<string> deepLook = Gen.Select(OneOf("(?=", "(?!"), inner, (open, body) => open + body + ")");
        Gen<string> quantified = Gen.Select(inner, OneOf("*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}", "{1,2}?"), (body, times) => $"(?:{body}){times}");
        Gen<string> simple = Gen.Select(atom.Where(a => a != "ab"), OneOf("*", "+", "?", "*?", "+?", "{1,3}", "{2,}"), (body, times) => body + times);
        Gen<string> alternation = Gen.Select(inner, inner, (left, right) => $"(?:{left}|{right})");
        Gen<string> sequence = Gen.Select(inner, inner, (left, right) => left + right);
        // Repeated atomic groups are left out: (?>a{1,2}){2,} matches aa in the runtime, which gives back what an atomic group took.
        Gen<string> atomic = depth < 3 ? inner : inner.Select(body => $"(?>{body})");
        Gen<string> anchored = Gen.Select(inner, OneOf("$", @"\b", @"\B", @"\z"), (body, anchor) => body + anchor);
        return Gen.OneOf(atom, simple, simple, quantified, alternation, sequence, sequence, atomic, anchored, Gen.Select(inner, look, (body, test) => body + test), Gen.Select(deepLook, inner, (test, body) => test + body));
    }
}
