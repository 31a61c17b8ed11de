using System.Text;

namespace Merganser.Tokenizers;

/// <summary>Turns byte positions in UTF-8 into positions in another unit.</summary>
internal static class OffsetConverter
{
    /// <summary>Converts ranges in place. Neighbours should be near each other in the text, which tokens are.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="unit">The unit wanted.</param>
    /// <param name="offsets">Ranges in bytes; afterwards in the unit.</param>
    public static void Convert(ReadOnlySpan<byte> utf8, OffsetUnit unit, Span<(int Start, int End)> offsets)
    {
        if (unit == OffsetUnit.Utf8 || Ascii.IsValid(utf8))
            return;
        int at = 0;
        int count = 0;
        foreach (ref (int Start, int End) range in offsets)
        {
            Move(utf8, unit, ref at, ref count, range.Start);
            range.Start = count;
            Move(utf8, unit, ref at, ref count, range.End);
            range.End = count;
        }
    }

    /// <summary>The number of units of a text.</summary>
    public static int Count(ReadOnlySpan<byte> utf8, OffsetUnit unit)
    {
        int count = 0;
        if (unit == OffsetUnit.Utf8)
            return utf8.Length;
        foreach (byte value in utf8)
            count += Units(value, unit);
        return count;
    }

    private static void Move(ReadOnlySpan<byte> utf8, OffsetUnit unit, ref int at, ref int count, int target)
    {
        while (at < target)
            count += Units(utf8[at++], unit);
        while (at > target)
            count -= Units(utf8[--at], unit);
    }

    /// <summary>A character counts at its first byte; beyond the basic plane it is two UTF-16 units.</summary>
    private static int Units(byte value, OffsetUnit unit) =>
        (value & 0xC0) == 0x80 ? 0 : value >= 0xF0 && unit == OffsetUnit.Utf16 ? 2 : 1;
}
