namespace Merganser.Tokenizers;

/// <summary>Tests of a place in a text.</summary>
internal static class PatternAnchors
{
    public static bool Holds(PatternAnchor anchor, ReadOnlySpan<byte> text, int at) => anchor switch
    {
        PatternAnchor.TextStart => at == 0,
        PatternAnchor.TextEnd => at == text.Length,
        PatternAnchor.TextEndOrLastLineFeed => at == text.Length || (at == text.Length - 1 && text[at] == (byte)'\n'),
        // No line begins after a line feed that ends the text.
        PatternAnchor.LineStart => at == 0 || (text[at - 1] == (byte)'\n' && at < text.Length),
        PatternAnchor.LineEnd => at == text.Length || text[at] == (byte)'\n',
        PatternAnchor.WordBoundary => IsBoundary(text, at),
        _ => !IsBoundary(text, at),
    };

    private static bool IsBoundary(ReadOnlySpan<byte> text, int at)
    {
        bool before = at > 0 && UnicodeTable.IsPatternWord(Utf8.DecodeBackward(text, at, out _));
        bool after = at < text.Length && UnicodeTable.IsPatternWord(Utf8.Decode(text, at, out _));
        return before != after;
    }
}
