using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Samples of the Unicode conformance tests, and checks on offsets.</summary>
internal static class Samples
{
    public static IEnumerable<string> Rows(string file) =>
        File.ReadLines(Path.Combine(Golden.Repository, "tests", "Merganser.Tests", "Tokenizers", "Samples", file))
            .Where(line => line.Length > 0 && line[0] != '#');

    public static string FromHex(string codePoints) => string.Concat(codePoints.Split(' ')
        .Select(hex => char.ConvertFromUtf32(int.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture))));

    /// <summary>Start and end of every character of the text now, in bytes of the original.</summary>
    public static int[] CharacterRanges(NormalizedText text)
    {
        var ranges = new List<int>();
        for (int at = 0; at < text.Length;)
        {
            int length = Utf8.LengthAt(text.Bytes, at, text.Length);
            (int start, int end) = text.OriginalRange(at, at + length);
            ranges.AddRange([start, end]);
            at += length;
        }

        return [.. ranges];
    }

    /// <summary>Ranges lie inside the original and their starts never fall.</summary>
    public static void AssertRising(NormalizedText text, int originalLength)
    {
        int last = 0;
        int[] ranges = CharacterRanges(text);
        for (int i = 0; i < ranges.Length; i += 2)
        {
            Assert.InRange(ranges[i], last, originalLength);
            Assert.InRange(ranges[i + 1], ranges[i], originalLength);
            last = ranges[i];
        }
    }
}
