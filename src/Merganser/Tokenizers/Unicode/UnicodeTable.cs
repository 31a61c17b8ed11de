using System.Globalization;
using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// Properties of code points, pinned to Unicode 16.0 whatever the runtime knows. All methods take 0 to 0x10FFFF (surrogates
/// have their own category and no other property).
/// </summary>
internal static class UnicodeTable
{
    private const int Alphabetic = 0x20;
    private const int WhiteSpace = 0x40;
    private const int JoinControl = 0x80;

    private const uint LetterMask = 0b11111;
    private const uint MarkMask = 0b111 << 5;
    private const uint NumberMask = 0b111 << 8;
    private const uint PunctuationMask = 0b1111111 << 18;
    private const uint WordMask = MarkMask | (1u << (int)UnicodeCategory.DecimalDigitNumber) | (1u << (int)UnicodeCategory.ConnectorPunctuation);

    private static readonly byte[][] Sections = UnicodeData.ReadSections();
    private static readonly TwoStageTable<byte> Properties = UnicodeData.ReadTable<byte>(Sections[0]);
    private static readonly TwoStageTable<byte> Scripts = UnicodeData.ReadTable<byte>(Sections[1]);
    private static readonly TwoStageTable<byte> Lower = UnicodeData.ReadTable<byte>(Sections[2]);
    private static readonly int[] LowerDifferences = UnicodeData.ReadArray<int>(Sections[3]);
    private static readonly TwoStageTable<byte> Fold = UnicodeData.ReadTable<byte>(Sections[4]);
    private static readonly int[] FoldDifferences = UnicodeData.ReadArray<int>(Sections[5]);
    private static readonly TwoStageTable<byte> Combining = UnicodeData.ReadTable<byte>(Sections[6]);
    private static readonly TwoStageTable<byte> Normal = UnicodeData.ReadTable<byte>(Sections[7]);
    private static readonly TwoStageTable<ushort> Places = UnicodeData.ReadTable<ushort>(Sections[8]);
    private static readonly char[] Mappings = UnicodeData.ReadArray<char>(Sections[9]);
    private static readonly TwoStageTable<byte> Breaks = UnicodeData.ReadTable<byte>(Sections[11]);

    /// <summary>The names of the scripts by number; 0 is Unknown.</summary>
    public static string[] ScriptNames { get; } = System.Text.Encoding.UTF8.GetString(Sections[12]).Split('\n');

    /// <summary>First, second and composed code point, one triple after the other.</summary>
    public static uint[] Compositions { get; } = UnicodeData.ReadArray<uint>(Sections[10]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static UnicodeCategory Category(int codePoint) => (UnicodeCategory)(Properties[codePoint] & 0x1F);

    /// <summary>Whether the category of a code point is one of a set, given as bits by category number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsIn(int codePoint, uint categories) => (categories >> (Properties[codePoint] & 0x1F) & 1) != 0;

    /// <summary>The property White_Space: not U+001C to U+001F, not U+200B, not U+180E.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsWhiteSpace(int codePoint) => (Properties[codePoint] & WhiteSpace) != 0;

    /// <summary>The property Alphabetic.</summary>
    public static bool IsAlphabetic(int codePoint) => (Properties[codePoint] & Alphabetic) != 0;

    /// <summary>Categories L*.</summary>
    public static bool IsLetter(int codePoint) => IsIn(codePoint, LetterMask);

    /// <summary>Categories M*.</summary>
    public static bool IsMark(int codePoint) => IsIn(codePoint, MarkMask);

    /// <summary>Categories N*.</summary>
    public static bool IsNumber(int codePoint) => IsIn(codePoint, NumberMask);

    /// <summary>Category Nd.</summary>
    public static bool IsDecimalDigit(int codePoint) => Category(codePoint) == UnicodeCategory.DecimalDigitNumber;

    /// <summary>Categories P*.</summary>
    public static bool IsPunctuation(int codePoint) => IsIn(codePoint, PunctuationMask);

    /// <summary>What BERT takes for punctuation: every ASCII symbol, and categories P*.</summary>
    public static bool IsBertPunctuation(int codePoint) => codePoint < 0x80
        ? codePoint is >= '!' and <= '/' or >= ':' and <= '@' or >= '[' and <= '`' or >= '{' and <= '~'
        : IsPunctuation(codePoint);

    /// <summary>Alphabetic, M*, Nd, Pc: the <c>\w</c> of split patterns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsPatternWord(int codePoint)
    {
        int value = Properties[codePoint];
        return (value & Alphabetic) != 0 || (WordMask >> (value & 0x1F) & 1) != 0;
    }

    /// <summary>
    /// Alphabetic, M*, Nd, Pc and the joiners U+200C and U+200D: the <c>\w</c> of UTS #18, which the Whitespace pre-tokenizer
    /// and the single-word test of added tokens use.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsWord(int codePoint)
    {
        int value = Properties[codePoint];
        return (value & (Alphabetic | JoinControl)) != 0 || (WordMask >> (value & 0x1F) & 1) != 0;
    }

    /// <summary>The number of the script in <see cref="ScriptNames"/>.</summary>
    public static int Script(int codePoint) => Scripts[codePoint];

    /// <summary>The simple lower case. The full one differs at U+0130 alone, which becomes U+0069 U+0307.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ToLower(int codePoint) => codePoint + LowerDifferences[Lower[codePoint]];

    /// <summary>The simple case folding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ToFold(int codePoint) => codePoint + FoldDifferences[Fold[codePoint]];

    public static int CombiningClass(int codePoint) => Combining[codePoint];

    /// <summary>Bits: needs work in NFD (1), NFKD (2), NFC (4), NFKC (8); combining class not 0 (16).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int NormalFlags(int codePoint) => Normal[codePoint];

    /// <summary>The full decomposition as UTF-16, without that of Hangul syllables; empty when there is none.</summary>
    public static ReadOnlySpan<char> Decomposition(int codePoint, bool isCompatibility)
    {
        int place = Places[codePoint];
        if (place == 0)
            return [];
        int canonical = Mappings[place] & 0xFF;
        int compatibility = Mappings[place] >> 8;
        return isCompatibility && compatibility > 0
            ? Mappings.AsSpan(place + 1 + canonical, compatibility)
            : Mappings.AsSpan(place + 1, canonical);
    }

    /// <summary>Bits 0-3 grapheme cluster break, 4 Extended_Pictographic, 5-6 Indic_Conjunct_Break.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int GraphemeBreak(int codePoint) => Breaks[codePoint];
}
