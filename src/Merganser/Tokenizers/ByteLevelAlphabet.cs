using System.Text;

namespace Merganser.Tokenizers;

/// <summary>
/// The alphabet of byte-level vocabularies: every byte is one visible character, so that any bytes can be written as text.
/// Bytes 33–126, 161–172 and 174–255 stand for themselves (as code points), the other 68, in ascending order, for U+0100,
/// U+0101, … (space is Ġ, line feed Ċ).
/// </summary>
public static class ByteLevelAlphabet
{
    private static readonly char[] Chars = CreateChars();
    private static readonly short[] Bytes = CreateBytes(); // by char, -1 outside the alphabet

    /// <summary>The character of a byte.</summary>
    public static char ToChar(byte value) => Chars[value];

    /// <summary>The byte of a character; false for a character outside the alphabet.</summary>
    public static bool TryGetByte(int codePoint, out byte value)
    {
        int found = (uint)codePoint < (uint)Bytes.Length ? Bytes[codePoint] : -1;
        value = (byte)found;
        return found >= 0;
    }

    /// <summary>The number of UTF-8 bytes that the alphabet form of some bytes takes.</summary>
    public static int EncodedLength(ReadOnlySpan<byte> bytes)
    {
        int length = bytes.Length;
        foreach (byte value in bytes)
            length += Chars[value] >= 0x80 ? 1 : 0;
        return length;
    }

    /// <summary>Writes the alphabet form of some bytes as UTF-8.</summary>
    /// <param name="bytes">Any bytes.</param>
    /// <param name="destination">At least <see cref="EncodedLength"/> bytes; twice the length of <paramref name="bytes"/> always does.</param>
    /// <returns>The number of bytes written.</returns>
    public static int Encode(ReadOnlySpan<byte> bytes, Span<byte> destination)
    {
        int at = 0;
        foreach (byte value in bytes)
        {
            int c = Chars[value];
            if (c < 0x80)
            {
                destination[at++] = (byte)c;
                continue;
            }

            destination[at++] = (byte)(0xC0 | (c >> 6));
            destination[at++] = (byte)(0x80 | (c & 0x3F));
        }

        return at;
    }

    /// <summary>The alphabet form of some bytes.</summary>
    public static string Encode(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (byte value in bytes)
            text.Append(Chars[value]);
        return text.ToString();
    }

    /// <summary>Turns a token in the alphabet (UTF-8) back into its bytes.</summary>
    /// <param name="token">The token.</param>
    /// <param name="destination">At least as long as <paramref name="token"/>.</param>
    /// <param name="written">The number of bytes written.</param>
    /// <returns>False when the token holds a character outside the alphabet.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> token, Span<byte> destination, out int written)
    {
        written = 0;
        for (int i = 0; i < token.Length; i++)
        {
            int c = token[i];
            if (c >= 0x80)
            {
                // All characters of the alphabet are below U+0144: two bytes at most.
                if ((c & 0xE0) != 0xC0 || i + 1 >= token.Length || (token[i + 1] & 0xC0) != 0x80)
                    return false;
                c = ((c & 0x1F) << 6) | (token[++i] & 0x3F);
            }

            if (!TryGetByte(c, out destination[written]))
                return false;
            written++;
        }

        return true;
    }

    private static char[] CreateChars()
    {
        var chars = new char[256];
        int next = 0x100;
        for (int value = 0; value < 256; value++)
            chars[value] = (char)(value is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255) ? value : next++);
        return chars;
    }

    private static short[] CreateBytes()
    {
        var bytes = new short[0x100 + 68];
        Array.Fill(bytes, (short)-1);
        for (int value = 0; value < 256; value++)
            bytes[Chars[value]] = (short)value;
        return bytes;
    }
}
