namespace Merganser.Tokenizers;

/// <summary>Splits as GPT-2 does and writes every byte as its character of the byte-level alphabet.</summary>
public sealed class ByteLevelPreTokenizer : PreTokenizer
{
    /// <summary>Puts a space before every piece that does not begin with one; default true.</summary>
    public bool AddPrefixSpace { get; init; } = true;

    /// <summary>Kept for the post-processor of the same name; it changes nothing here. Default true.</summary>
    public bool TrimOffsets { get; init; } = true;

    /// <summary>Splits by the GPT-2 pattern; default true.</summary>
    public bool UseRegex { get; init; } = true;

    /// <summary>The pattern of GPT-2.</summary>
    internal static SplitPattern Gpt2Pattern { get; } =
        SplitPattern.Regex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+");

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (AddPrefixSpace)
            PrefixSpaces(text);
        if (UseRegex)
            Gpt2Pattern.Split(text, SplitBehavior.Isolated, invert: false);
        text.BeginRewrite();
        for (int piece = 0; piece < text.Count; piece++)
        {
            (int start, int end) = text.Bounds(piece);
            text.BeginPiece(piece);
            (AlignedText source, AlignedText target) = text.Texts;
            ByteLevelRewriter.Append(source, start, end, target);
            text.EndPiece();
        }

        text.EndRewrite();
    }

    private static void PrefixSpaces(PreTokenizedText text)
    {
        bool isNeeded = false;
        for (int piece = 0; piece < text.Count && !isNeeded; piece++)
            isNeeded = text.Piece(piece)[0] != (byte)' ';
        if (!isNeeded)
            return;
        ReadOnlySpan<byte> bytes = text.Bytes;
        text.BeginRewrite();
        for (int piece = 0; piece < text.Count; piece++)
        {
            (int start, int end) = text.Bounds(piece);
            TextEditor editor = text.BeginPiece(piece);
            if (bytes[start] != (byte)' ')
            {
                PrefixWriter.Write(editor, " "u8, bytes[..end], start);
                start += Utf8.LengthAt(bytes, start, end);
            }

            editor.Copy(start, end);
            text.EndPiece();
        }

        text.EndRewrite();
    }
}
