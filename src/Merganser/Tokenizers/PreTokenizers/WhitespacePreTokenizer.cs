namespace Merganser.Tokenizers;

/// <summary>Keeps runs of word characters and runs of other characters that are no white space: <c>\w+|[^\w\s]+</c>.</summary>
public sealed class WhitespacePreTokenizer : PreTokenizer
{
    private const int Space = 0;
    private const int Word = 1;
    private const int Other = 2;

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<byte> bytes = text.Bytes;
        text.BeginSplit();
        for (int piece = 0; piece < text.Count; piece++)
        {
            (int start, int end) = text.Bounds(piece);
            int runStart = start;
            int runKind = Space;
            for (int at = start; at < end;)
            {
                int codePoint = Utf8.Decode(bytes[..end], at, out int length);
                int kind = UnicodeTable.IsWord(codePoint) ? Word : UnicodeTable.IsWhiteSpace(codePoint) ? Space : Other;
                if (kind != runKind)
                {
                    if (runKind != Space)
                        text.Keep(runStart, at);
                    runStart = at;
                    runKind = kind;
                }

                at += length;
            }

            if (runKind != Space)
                text.Keep(runStart, end);
        }

        text.EndSplit();
    }
}
