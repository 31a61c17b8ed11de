using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>UTF-8 one code point at a time. A byte that begins no valid sequence counts as one U+FFFD of one byte.</summary>
internal static class Utf8
{
    public const int Replacement = 0xFFFD;

    /// <summary>The code point at a position and its length in bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Decode(ReadOnlySpan<byte> text, int index, out int length)
    {
        int first = text[index];
        if (first < 0x80)
        {
            length = 1;
            return first;
        }

        return DecodeLong(text, index, first, out length);
    }

    /// <summary>The code point that ends at a position and its length in bytes.</summary>
    public static int DecodeBackward(ReadOnlySpan<byte> text, int end, out int length)
    {
        int start = end - 1;
        if (text[start] >= 0x80)
        {
            int limit = Math.Max(0, end - 4);
            while (start > limit && (text[start] & 0xC0) == 0x80)
                start--;
            int codePoint = Decode(text, start, out length);
            if (start + length == end)
                return codePoint;
            length = 1;
            return Replacement;
        }

        length = 1;
        return text[start];
    }

    /// <summary>The length in bytes of the code point at a position.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LengthAt(ReadOnlySpan<byte> text, int index, int end)
    {
        if (text[index] < 0x80)
            return 1;
        Decode(text[..end], index, out int length);
        return length;
    }

    /// <summary>Where the character of a byte begins; a byte that belongs to none is one of its own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int StartAt(ReadOnlySpan<byte> text, int index)
    {
        if (!IsContinuation(text[index]))
            return index;
        int limit = Math.Max(0, index - 3);
        int start = index;
        while (start > limit && IsContinuation(text[start]))
            start--;
        return start + LengthAt(text, start, text.Length) > index ? start : index;
    }

    /// <summary>The number of code points.</summary>
    public static int Count(ReadOnlySpan<byte> text)
    {
        int count = 0;
        for (int index = 0; index < text.Length; count++)
        {
            Decode(text, index, out int length);
            index += length;
        }

        return count;
    }

    /// <summary>Writes a code point; surrogates and numbers beyond U+10FFFF become U+FFFD.</summary>
    /// <returns>The number of bytes.</returns>
    public static int Encode(int codePoint, Span<byte> target)
    {
        if ((uint)codePoint < 0x80)
        {
            target[0] = (byte)codePoint;
            return 1;
        }

        if ((uint)codePoint < 0x800)
        {
            target[0] = (byte)(0xC0 | (codePoint >> 6));
            target[1] = (byte)(0x80 | (codePoint & 0x3F));
            return 2;
        }

        if ((uint)codePoint > 0x10FFFF || (codePoint & 0xFFFFF800) == 0xD800)
            codePoint = Replacement;
        if (codePoint < 0x10000)
        {
            target[0] = (byte)(0xE0 | (codePoint >> 12));
            target[1] = (byte)(0x80 | ((codePoint >> 6) & 0x3F));
            target[2] = (byte)(0x80 | (codePoint & 0x3F));
            return 3;
        }

        target[0] = (byte)(0xF0 | (codePoint >> 18));
        target[1] = (byte)(0x80 | ((codePoint >> 12) & 0x3F));
        target[2] = (byte)(0x80 | ((codePoint >> 6) & 0x3F));
        target[3] = (byte)(0x80 | (codePoint & 0x3F));
        return 4;
    }

    private static int DecodeLong(ReadOnlySpan<byte> text, int index, int first, out int length)
    {
        int left = text.Length - index;
        if (first is >= 0xC2 and < 0xE0 && left >= 2 && IsContinuation(text[index + 1]))
        {
            length = 2;
            return ((first & 0x1F) << 6) | (text[index + 1] & 0x3F);
        }

        if (first is >= 0xE0 and < 0xF0 && left >= 3 && IsContinuation(text[index + 1]) && IsContinuation(text[index + 2]))
        {
            int value = ((first & 0x0F) << 12) | ((text[index + 1] & 0x3F) << 6) | (text[index + 2] & 0x3F);
            if (value >= 0x800 && (value & 0xF800) != 0xD800)
            {
                length = 3;
                return value;
            }
        }
        else if (first is >= 0xF0 and < 0xF5 && left >= 4 && IsContinuation(text[index + 1])
            && IsContinuation(text[index + 2]) && IsContinuation(text[index + 3]))
        {
            int value = ((first & 0x07) << 18) | ((text[index + 1] & 0x3F) << 12)
                | ((text[index + 2] & 0x3F) << 6) | (text[index + 3] & 0x3F);
            if (value is >= 0x10000 and <= 0x10FFFF)
            {
                length = 4;
                return value;
            }
        }

        length = 1;
        return Replacement;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsContinuation(byte value) => (value & 0xC0) == 0x80;
}
