namespace Merganser.Tokenizers;

/// <summary>Extended grapheme clusters of UAX #29, Unicode 16.0.</summary>
internal static class GraphemeBreaker
{
    private const int CarriageReturn = 1;
    private const int LineFeed = 2;
    private const int Control = 3;
    private const int Extend = 4;
    private const int Joiner = 5;
    private const int RegionalIndicator = 6;
    private const int Prepend = 7;
    private const int SpacingMark = 8;
    private const int LeadJamo = 9;
    private const int VowelJamo = 10;
    private const int TailJamo = 11;
    private const int SyllableWithoutTail = 12;
    private const int SyllableWithTail = 13;
    private const int Pictographic = 0x10;
    private const int Linker = 1;
    private const int Consonant = 2;

    /// <summary>The end of the cluster that begins at a boundary.</summary>
    public static int End(ReadOnlySpan<byte> text, int start)
    {
        int info = UnicodeTable.GraphemeBreak(Utf8.Decode(text, start, out int length));
        int at = start + length;
        int last = info & 0xF;
        int indicators = last == RegionalIndicator ? 1 : 0;
        bool afterPicture = (info & Pictographic) != 0; // Extended_Pictographic Extend*
        bool joinsPicture = false; // the same with a joiner at the end
        int conjunct = info >> 5 == Consonant ? Consonant : 0; // Consonant, then Linker once one was seen
        while (at < text.Length)
        {
            info = UnicodeTable.GraphemeBreak(Utf8.Decode(text, at, out length));
            int next = info & 0xF;
            bool isPicture = (info & Pictographic) != 0;
            int indic = info >> 5;
            bool joined = Joins(last, next)
                || (conjunct == Linker && indic == Consonant)
                || (joinsPicture && isPicture)
                || (last == RegionalIndicator && next == RegionalIndicator && (indicators & 1) == 1);
            if (!joined)
                break;
            joinsPicture = afterPicture && next == Joiner;
            afterPicture = isPicture || (afterPicture && next == Extend);
            indicators = next == RegionalIndicator ? indicators + 1 : 0;
            conjunct = indic switch
            {
                Consonant => Consonant,
                Linker => conjunct == 0 ? 0 : Linker,
                0 => 0,
                _ => conjunct,
            };
            last = next;
            at += length;
        }

        return at;
    }

    private static bool Joins(int last, int next)
    {
        if (last == CarriageReturn)
            return next == LineFeed;
        if (last is LineFeed or Control || next is CarriageReturn or LineFeed or Control)
            return false;
        if (next is Extend or Joiner or SpacingMark || last == Prepend)
            return true;
        return last switch
        {
            LeadJamo => next is LeadJamo or VowelJamo or SyllableWithoutTail or SyllableWithTail,
            SyllableWithoutTail or VowelJamo => next is VowelJamo or TailJamo,
            SyllableWithTail or TailJamo => next == TailJamo,
            _ => false,
        };
    }
}
