namespace Merganser.Tokenizers;

/// <summary>
/// The pattern of o200k: words are <c>[^\r\n\p{L}\p{N}]?U*W+</c> or, failing that, <c>[^\r\n\p{L}\p{N}]?U+W*</c>, each with an
/// optional contraction, where U and W share the letters without case and the marks; the rest is as in cl100k, with slashes
/// joined to symbols.
/// </summary>
/// <param name="maxDigits">The longest group of digits.</param>
/// <param name="takesContractions">Whether a word takes the contraction behind it.</param>
internal sealed class O200kScanner(int maxDigits, bool takesContractions) : SplitScanner
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
            int word = cursor[at] == ' ' ? at + 1 : at;
            int lower;
            if (cursor.IsLetter(word) && (lower = cursor.Uppers(word)) >= word && cursor.IsLower(lower))
                end = reach = AfterContraction(cursor, cursor.Lowers(lower));
            else
                end = Rest(cursor, at, out reach);
            if (reach > safeEnd)
                break;
            ends[count++] = end;
        }

        window.Count = count;
    }

    private int Rest(Cursor cursor, int at, out int reach)
    {
        if (cursor.IsLetter(at))
        {
            reach = cursor.Uppers(at);
            return AfterContraction(cursor, Word(cursor, at, out reach), ref reach);
        }

        if (cursor.IsNumber(at))
            return reach = cursor.Digits(at, maxDigits);
        bool isNewline = cursor.IsNewline(at);
        int lookedAt = 0;
        if (!isNewline)
        {
            int prefixed = at + cursor.Width(at);
            if (cursor.IsUpper(prefixed) || cursor.IsLower(prefixed))
            {
                // A mark is a prefix, but also a word by itself: with capitals behind it the form with W+ ends at the mark.
                bool isMark = cursor.IsLower(at);
                int end = Word(cursor, prefixed, out lookedAt);
                if (isMark && !EndsInLower(cursor, end))
                    end = prefixed;
                reach = lookedAt;
                return AfterContraction(cursor, end, ref reach);
            }

            if (cursor.IsLower(at))
            {
                reach = prefixed;
                return AfterContraction(cursor, prefixed, ref reach);
            }
        }

        int symbol = cursor[at] == ' ' ? at + 1 : at;
        if (cursor.IsOther(symbol))
        {
            int end = cursor.Others(symbol);
            while (end < cursor.Length && cursor[end] is (byte)'\r' or (byte)'\n' or (byte)'/')
                end++;
            return reach = end;
        }

        reach = cursor.Spaces(at);
        int newline = cursor.AfterLastNewline(at, reach);
        return newline > at ? newline : cursor.SpacesBeforeWord(at, reach);
    }

    /// <summary>
    /// The end of <c>U*W+</c>, else of <c>U+W*</c>, at a letter or mark. When no W follows the run of U, W+ takes the last character
    /// of the run that is also in W; when there is none the word is the run.
    /// </summary>
    private static int Word(Cursor cursor, int at, out int reach)
    {
        int upper = cursor.Uppers(at);
        if (cursor.IsLower(upper))
            return reach = cursor.Lowers(upper);
        reach = upper;
        int end = cursor.AfterLastLower(at, upper);
        return end > at ? end : upper;
    }

    private static bool EndsInLower(Cursor cursor, int end) => cursor.IsLower(end - 1);

    private int AfterContraction(Cursor cursor, int end) =>
        takesContractions && end < cursor.Length && cursor[end] == '\'' ? end + cursor.Contraction(end, ignoresCase: true) : end;

    private int AfterContraction(Cursor cursor, int end, ref int reach)
    {
        end = AfterContraction(cursor, end);
        reach = Math.Max(reach, end);
        return end;
    }
}
