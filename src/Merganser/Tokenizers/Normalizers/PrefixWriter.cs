namespace Merganser.Tokenizers;

/// <summary>Puts a text before the first character of another.</summary>
internal static class PrefixWriter
{
    /// <summary>
    /// Writes the prefix and the first character. The first character of the prefix replaces that of the text, the rest and
    /// that one are inserted after it, so that all of them share its range.
    /// </summary>
    /// <param name="editor">The edit, at the beginning of a text that is not empty.</param>
    /// <param name="prefix">The prefix, not empty.</param>
    /// <param name="bytes">The text.</param>
    /// <param name="start">Where the first character is.</param>
    public static void Write(TextEditor editor, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> bytes, int start)
    {
        editor.Emit(Utf8.Decode(prefix, 0, out int length));
        editor.Insert(prefix[length..]);
        editor.Insert(bytes.Slice(start, Utf8.LengthAt(bytes, start, bytes.Length)));
    }
}
