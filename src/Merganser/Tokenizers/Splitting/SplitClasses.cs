using System.Globalization;
using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>What the split patterns ask of a character, as bits in one byte per code point (two-stage table).</summary>
internal static class SplitClasses
{
    /// <summary><c>\p{L}</c>.</summary>
    public const int Letter = 1;

    /// <summary><c>\p{N}</c>.</summary>
    public const int Number = 2;

    /// <summary><c>\s</c>: White_Space.</summary>
    public const int Space = 4;

    /// <summary>Carriage return or line feed.</summary>
    public const int Newline = 8;

    /// <summary>Upper-case, title-case, modifier and other letters and marks: what a word of o200k may start with.</summary>
    public const int Upper = 16;

    /// <summary>Lower-case, modifier and other letters and marks: what a word of o200k may go on with.</summary>
    public const int Lower = 32;

    private const int BlockBits = 7;
    private static readonly byte[] Blocks;
    private static readonly ushort[] BlockOf = new ushort[0x110000 >> BlockBits];

    static SplitClasses()
    {
        var blocks = new List<byte[]>();
        var numbers = new Dictionary<UInt128, ushort>();
        for (int block = 0; block < BlockOf.Length; block++)
        {
            var classes = new byte[1 << BlockBits];
            UInt128 hash = 0;
            for (int i = 0; i < classes.Length; i++)
            {
                classes[i] = (byte)Classify((block << BlockBits) | i);
                hash = (hash * 0x9E3779B97F4A7C15) + classes[i] + 1;
            }

            if (!numbers.TryGetValue(hash, out ushort number) || !blocks[number].AsSpan().SequenceEqual(classes))
            {
                number = (ushort)blocks.Count;
                numbers[hash] = number;
                blocks.Add(classes);
            }

            BlockOf[block] = number;
        }

        Blocks = new byte[blocks.Count << BlockBits];
        for (int i = 0; i < blocks.Count; i++)
            blocks[i].CopyTo(Blocks, i << BlockBits);
    }

    /// <summary>The classes of a code point.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Of(int codePoint) => Blocks[(BlockOf[codePoint >> BlockBits] << BlockBits) | (codePoint & ((1 << BlockBits) - 1))];

    private static int Classify(int codePoint)
    {
        int classes = UnicodeTable.Category(codePoint) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => Letter | Upper,
            UnicodeCategory.LowercaseLetter => Letter | Lower,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Letter | Upper | Lower,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => Upper | Lower,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
            _ => 0,
        };
        if (UnicodeTable.IsWhiteSpace(codePoint))
            classes |= Space;
        if (codePoint is '\r' or '\n')
            classes |= Newline;
        return classes;
    }
}
