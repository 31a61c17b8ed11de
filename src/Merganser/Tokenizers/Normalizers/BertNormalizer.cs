using System.Globalization;

namespace Merganser.Tokenizers;

/// <summary>The cleaning of BERT: control characters, white space, spaces around CJK ideographs, accents and case.</summary>
public sealed class BertNormalizer : Normalizer
{
    /// <summary>Drops control characters and turns all white space into spaces; default true.</summary>
    public bool CleanText { get; init; } = true;

    /// <summary>Puts spaces around CJK ideographs; default true.</summary>
    public bool HandleChineseChars { get; init; } = true;

    /// <summary>Drops accents; null (default) does as <see cref="Lowercase"/> says.</summary>
    public bool? StripAccents { get; init; }

    /// <summary>Lower-cases; default true.</summary>
    public bool Lowercase { get; init; } = true;

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (CleanText)
        {
            int first = text.Bytes.IndexOfAnyExceptInRange((byte)0x20, (byte)0x7E);
            if (first >= 0)
                CharacterMap.Apply(text, first, default(Clean));
        }

        if (HandleChineseChars)
            SpaceIdeographs(text);
        if (StripAccents ?? Lowercase)
        {
            UnicodeForms.Normalize(text, UnicodeForm.Nfd);
            int first = text.Bytes.IndexOfAnyInRange((byte)0xCC, (byte)0xFF);
            if (first >= 0)
                CharacterMap.Apply(text, first, default(DropMarks));
        }

        if (Lowercase)
            LowerCase.Apply(text);
    }

    private static void SpaceIdeographs(NormalizedText text)
    {
        ReadOnlySpan<byte> bytes = text.Bytes;
        int at = NextIdeograph(bytes, 0);
        if (at >= bytes.Length)
            return;
        TextEditor editor = text.BeginEdit();
        int copied = 0;
        while (at < bytes.Length)
        {
            editor.Copy(copied, at);
            int length = Utf8.LengthAt(bytes, at, bytes.Length);
            editor.Emit(' ');
            editor.Insert(bytes.Slice(at, length));
            editor.Insert(" "u8);
            copied = at + length;
            at = NextIdeograph(bytes, copied);
        }

        editor.Copy(copied, bytes.Length);
        text.EndEdit();
    }

    private static int NextIdeograph(ReadOnlySpan<byte> bytes, int at)
    {
        while (at < bytes.Length)
        {
            int skipped = bytes[at..].IndexOfAnyInRange((byte)0xE3, (byte)0xF0); // U+3400 and above
            if (skipped < 0)
                return bytes.Length;
            at += skipped;
            if (IsIdeograph(Utf8.Decode(bytes, at, out int length)))
                return at;
            at += length;
        }

        return at;
    }

    // The gap between 2B81F and 2B920 is the reference's, whose vocabularies were made with it.
    private static bool IsIdeograph(int codePoint) => codePoint is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF)
        or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);

    private readonly struct Clean : ICharacterRule
    {
        private const uint Dropped = (1u << (int)UnicodeCategory.Control) | (1u << (int)UnicodeCategory.Format) | (1u << (int)UnicodeCategory.PrivateUse);

        public int Map(int codePoint)
        {
            if (codePoint is '\t' or '\n' or '\r')
                return ' ';
            if (codePoint is 0 or Utf8.Replacement || UnicodeTable.IsIn(codePoint, Dropped))
                return -1;
            return UnicodeTable.IsWhiteSpace(codePoint) ? ' ' : codePoint;
        }
    }

    private readonly struct DropMarks : ICharacterRule
    {
        public int Map(int codePoint) => UnicodeTable.Category(codePoint) == UnicodeCategory.NonSpacingMark ? -1 : codePoint;
    }
}
