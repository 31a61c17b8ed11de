namespace Merganser.Tokenizers;

/// <summary>
/// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>.
/// </summary>
/// <param name="maxDigits">The longest group of digits: 3, or 1 for Qwen.</param>
/// <param name="takesSpacesAtEnd">Whether white space at the end of the text is one pretoken even if it holds newlines (<c>\s++$</c>).</param>
internal sealed class Cl100kScanner(int maxDigits, bool takesSpacesAtEnd = false) : SplitScanner
{
    protected override void Walk(ReadOnlySpan<byte> rest, ScanWindow window)
    {
        var cursor = new Cursor(rest, window);
        int[] ends = window.Ends;
        int count = 0;
        int safeEnd = window.SafeEnd;
        int length = window.Length;
        for (int at = 0, end; at < length; at = end)
        {
            int reach; // how far the decision looked
            int first = cursor[at];
            int word = first == ' ' ? at + 1 : at;
            if (cursor.IsLetter(word))
                end = reach = cursor.Letters(word);
            else if (cursor.IsOther(word))
                end = reach = Symbols(cursor, at, word);
            else if (cursor.IsNumber(at))
                end = reach = cursor.Digits(at, maxDigits);
            else
                end = Spaces(cursor, at, out reach);
            if (reach > safeEnd)
                break;
            ends[count++] = end;
        }

        window.Count = count;
    }

    /// <param name="cursor">The text.</param>
    /// <param name="at">The start: a symbol or a space before one.</param>
    /// <param name="symbol">The first symbol.</param>
    private static int Symbols(Cursor cursor, int at, int symbol)
    {
        if (at == symbol)
        {
            int contraction = cursor.Contraction(at, ignoresCase: true);
            if (contraction > 0)
                return at + contraction;
            int word = at + cursor.Width(at);
            if (cursor.IsLetter(word))
                return cursor.Letters(word);
        }

        return cursor.Newlines(cursor.Others(symbol));
    }

    private int Spaces(Cursor cursor, int at, out int reach)
    {
        // A space before a letter or symbol is not met here, any other white space before a letter goes to the word.
        int word = at + cursor.Width(at);
        if (cursor.IsLetter(word) && !cursor.IsNewline(at))
            return reach = cursor.Letters(word);
        reach = cursor.Spaces(at);
        if (takesSpacesAtEnd && reach == cursor.Length)
            return reach;
        int end = cursor.AfterLastNewline(at, reach);
        return end > at ? end : cursor.SpacesBeforeWord(at, reach);
    }
}
