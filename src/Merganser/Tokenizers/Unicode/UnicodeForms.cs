namespace Merganser.Tokenizers;

/// <summary>
/// The normal forms of UAX #15 over the tables of Unicode 16.0. Text is walked in segments that begin at a character which
/// nothing before it can change; a segment without work is copied.
/// </summary>
internal static class UnicodeForms
{
    private const int NonStarter = 16;

    private static readonly Dictionary<ulong, int> Pairs = ReadPairs();

    /// <summary>Brings a text into a normal form.</summary>
    public static void Normalize(NormalizedText text, UnicodeForm form)
    {
        ReadOnlySpan<byte> bytes = text.Bytes;
        int flag = Flag(form);
        int dirty = FindWork(bytes, 0, form, out int segment);
        if (dirty < 0)
            return;
        bool isCompatibility = form is UnicodeForm.Nfkc or UnicodeForm.Nfkd;
        bool composes = form is UnicodeForm.Nfc or UnicodeForm.Nfkc;
        TextEditor editor = text.BeginEdit();
        SegmentBuffer buffer = text.Segment;
        int copied = 0;
        while (dirty >= 0)
        {
            editor.Copy(copied, segment);
            buffer.Clear();
            int at = segment;
            while (at < bytes.Length)
            {
                int codePoint = Utf8.Decode(bytes, at, out int length);
                if (at > dirty && (UnicodeTable.NormalFlags(codePoint) & (flag | NonStarter)) == 0)
                    break;
                if (length == 1 && codePoint >= 0x80)
                {
                    // A byte that is no UTF-8 must come out as it went in.
                    buffer.Finish(composes);
                    buffer.Write(editor);
                    buffer.Clear();
                    editor.Copy(at, ++at);
                    continue;
                }

                buffer.AddDecomposed(codePoint, isCompatibility);
                at += length;
            }

            buffer.Finish(composes);
            buffer.Write(editor);
            copied = at;
            dirty = FindWork(bytes, at, form, out segment);
        }

        editor.Copy(copied, bytes.Length);
        text.EndEdit();
    }

    /// <summary>Whether a text is already in a normal form (a text that might not be counts as not).</summary>
    public static bool IsNormalized(ReadOnlySpan<byte> text, UnicodeForm form) => FindWork(text, 0, form, out _) < 0;

    /// <summary>The primary composite of two code points, or -1.</summary>
    public static int Compose(int first, int second)
    {
        if (second is >= Hangul.VowelBase and < Hangul.VowelBase + Hangul.VowelCount && first is >= Hangul.LeadBase and < Hangul.LeadBase + Hangul.LeadCount)
            return Hangul.Base + ((((first - Hangul.LeadBase) * Hangul.VowelCount) + second - Hangul.VowelBase) * Hangul.TailCount);
        if (second is > Hangul.TailBase and < Hangul.TailBase + Hangul.TailCount && Hangul.IsSyllable(first) && (first - Hangul.Base) % Hangul.TailCount == 0)
            return first + second - Hangul.TailBase;
        return Pairs.TryGetValue(((ulong)(uint)first << 32) | (uint)second, out int composed) ? composed : -1;
    }

    /// <summary>The next place that needs work, and the character before it (or at it) where its segment begins.</summary>
    private static int FindWork(ReadOnlySpan<byte> text, int from, UnicodeForm form, out int segment)
    {
        int flag = Flag(form);
        // No character whose first byte is lower than this needs work; bytes inside characters are lower too.
        byte lowest = form switch { UnicodeForm.Nfc => 0xCC, UnicodeForm.Nfd => 0xC3, _ => 0xC2 };
        segment = from;
        int lastClass = 0;
        int at = from;
        while (at < text.Length)
        {
            int skipped = text[at..].IndexOfAnyInRange(lowest, (byte)0xFF);
            if (skipped < 0)
                return -1;
            if (skipped > 0)
            {
                at += skipped;
                segment = at;
                do
                    segment--;
                while (segment > from && (text[segment] & 0xC0) == 0x80);
                lastClass = 0;
            }

            int codePoint = Utf8.Decode(text, at, out int length);
            int flags = UnicodeTable.NormalFlags(codePoint);
            if ((flags & (flag | NonStarter)) == 0)
            {
                segment = at;
                lastClass = 0;
            }
            else
            {
                int combiningClass = UnicodeTable.CombiningClass(codePoint);
                if ((flags & flag) != 0 || combiningClass < lastClass)
                    return at;
                lastClass = combiningClass;
            }

            at += length;
        }

        return -1;
    }

    private static int Flag(UnicodeForm form) => form switch
    {
        UnicodeForm.Nfd => 1,
        UnicodeForm.Nfkd => 2,
        UnicodeForm.Nfc => 4,
        _ => 8,
    };

    private static Dictionary<ulong, int> ReadPairs()
    {
        uint[] triples = UnicodeTable.Compositions;
        var pairs = new Dictionary<ulong, int>(triples.Length / 3);
        for (int i = 0; i < triples.Length; i += 3)
            pairs.Add(((ulong)triples[i] << 32) | triples[i + 1], (int)triples[i + 2]);
        return pairs;
    }
}

/// <summary>The arithmetic of Hangul syllables.</summary>
internal static class Hangul
{
    public const int Base = 0xAC00;
    public const int LeadBase = 0x1100;
    public const int VowelBase = 0x1161;
    public const int TailBase = 0x11A7;
    public const int LeadCount = 19;
    public const int VowelCount = 21;
    public const int TailCount = 28;

    public static bool IsSyllable(int codePoint) => codePoint is >= Base and < Base + (LeadCount * VowelCount * TailCount);
}
