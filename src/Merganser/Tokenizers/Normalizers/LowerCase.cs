using System.Buffers;
using System.Text;

namespace Merganser.Tokenizers;

/// <summary>Full lower case without context, character by character.</summary>
internal static class LowerCase
{
    private const int CapitalIWithDot = 0x130;
    private const int DotAbove = 0x307;

    public static void Apply(NormalizedText text)
    {
        Span<byte> bytes = text.MutableBytes;
        Span<byte> encoded = stackalloc byte[4];
        int at = 0;
        while (at < bytes.Length)
        {
            // As long as every character keeps its length the text can be changed where it lies.
            if (Ascii.ToLowerInPlace(bytes[at..], out int written) == OperationStatus.Done)
                return;
            at += written;
            int codePoint = Utf8.Decode(bytes, at, out int length);
            int lower = UnicodeTable.ToLower(codePoint);
            if (lower != codePoint)
            {
                if (codePoint == CapitalIWithDot || Utf8.Encode(lower, encoded) != length)
                {
                    Rewrite(text, at);
                    return;
                }

                encoded[..length].CopyTo(bytes[at..]);
            }

            at += length;
        }
    }

    private static void Rewrite(NormalizedText text, int from)
    {
        ReadOnlySpan<byte> bytes = text.Bytes;
        TextEditor editor = text.BeginEdit();
        int copied = 0;
        for (int at = from; at < bytes.Length;)
        {
            int codePoint = Utf8.Decode(bytes, at, out int length);
            int lower = UnicodeTable.ToLower(codePoint);
            if (lower != codePoint)
            {
                editor.Copy(copied, at);
                editor.Emit(lower);
                if (codePoint == CapitalIWithDot)
                    editor.Emit(DotAbove, 1);
                copied = at + length;
            }

            at += length;
        }

        editor.Copy(copied, bytes.Length);
        text.EndEdit();
    }
}
