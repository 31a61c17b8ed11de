using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>Steps through UTF-8 by character. Bytes that are no UTF-8 count as one character each, so that any bytes can be walked.</summary>
internal static class Utf8Step
{
    /// <summary>The number of bytes of the character at <paramref name="at"/>; 1 for a byte that starts none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Length(ReadOnlySpan<byte> text, int at)
    {
        if (text[at] < 0x80)
            return 1;
        Decode(text, at, out int length);
        return length;
    }

    /// <summary>The code point at <paramref name="at"/>; -1 with length 1 for a byte that starts none.</summary>
    public static int Decode(ReadOnlySpan<byte> text, int at, out int length)
    {
        int first = text[at];
        length = 1;
        if (first < 0x80)
            return first;
        int left = text.Length - at;
        if (first < 0xE0)
        {
            if (first < 0xC2 || left < 2 || !IsContinuation(text[at + 1]))
                return -1;
            length = 2;
            return ((first & 0x1F) << 6) | (text[at + 1] & 0x3F);
        }

        if (first < 0xF0)
        {
            if (left < 3 || !IsContinuation(text[at + 1]) || !IsContinuation(text[at + 2]))
                return -1;
            int found = ((first & 0xF) << 12) | ((text[at + 1] & 0x3F) << 6) | (text[at + 2] & 0x3F);
            if (found < 0x800 || (found & 0xF800) == 0xD800)
                return -1;
            length = 3;
            return found;
        }

        if (first > 0xF4 || left < 4 || !IsContinuation(text[at + 1]) || !IsContinuation(text[at + 2]) || !IsContinuation(text[at + 3]))
            return -1;
        int astral = ((first & 7) << 18) | ((text[at + 1] & 0x3F) << 12) | ((text[at + 2] & 0x3F) << 6) | (text[at + 3] & 0x3F);
        if (astral is < 0x10000 or > 0x10FFFF)
            return -1;
        length = 4;
        return astral;
    }

    /// <summary>Whether a byte continues a character.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsContinuation(byte value) => (value & 0xC0) == 0x80;

    /// <summary>The number of characters.</summary>
    public static int Count(ReadOnlySpan<byte> text)
    {
        int count = 0;
        for (int at = 0; at < text.Length; at += Length(text, at))
            count++;
        return count;
    }
}
