using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Merganser.Tokenizers;

/// <summary>
/// Cuts text by one of the known split patterns, which match every character, so that the pretokens cover the text. Works on
/// UTF-8; a byte that belongs to no character counts as a symbol. Immutable; what a scan needs is in its
/// <see cref="ScanWindow"/>.
/// </summary>
internal abstract class SplitScanner
{
    private const string Contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string UpperSet = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";
    private const string LowerSet = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string Spaces = @"\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of GPT-2 and of the ByteLevel pre-tokenizer.</summary>
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of cl100k and Llama-3.</summary>
    public const string Cl100kPattern = Contraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + Spaces;

    /// <summary>The pattern of Qwen2 and Qwen3.</summary>
    public const string QwenPattern = Contraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + Spaces;

    /// <summary>The pattern of o200k.</summary>
    public const string O200kPattern =
        @"[^\r\n\p{L}\p{N}]?" + UpperSet + "*" + LowerSet + "+" + Contraction + @"?|[^\r\n\p{L}\p{N}]?" + UpperSet + "+" + LowerSet + "*" + Contraction
        + @"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + Spaces;

    /// <summary>The pattern of Mistral's tekken.</summary>
    public const string TekkenPattern =
        @"[^\r\n\p{L}\p{N}]?" + UpperSet + "*" + LowerSet + @"+|[^\r\n\p{L}\p{N}]?" + UpperSet + "+" + LowerSet + @"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + Spaces;

    /// <summary>The scanner of a pattern, recognised by its exact text; null for any other.</summary>
    public static SplitScanner? TryCreate(string pattern) => pattern switch
    {
        Gpt2Pattern => new Gpt2Scanner(),
        @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+" => new Gpt2Scanner(),
        @"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s" => new Gpt2Scanner(),
        Cl100kPattern => new Cl100kScanner(maxDigits: 3),
        @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+" => new Cl100kScanner(maxDigits: 3),
        @"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s" =>
            new Cl100kScanner(maxDigits: 3, takesSpacesAtEnd: true),
        QwenPattern => new Cl100kScanner(maxDigits: 1),
        O200kPattern => new O200kScanner(maxDigits: 3, takesContractions: true),
        TekkenPattern => new O200kScanner(maxDigits: 1, takesContractions: false),
        _ => null,
    };

    /// <summary>
    /// Finds the next pretokens: at least one, as many as are in a stretch of the text. Their ends, relative to
    /// <paramref name="start"/>, are in <see cref="ScanWindow.Ends"/>.
    /// </summary>
    /// <returns>Where the last of them ends; the length of the text when all is cut.</returns>
    public int Next(ReadOnlySpan<byte> text, int start, ScanWindow window)
    {
        window.Open(text, start);
        if (start >= text.Length)
            return start;
        while (true)
        {
            ReadOnlySpan<byte> rest = text[start..];
            Walk(rest, window);
            if (window.Count > 0)
                return start + window.Ends[window.Count - 1];
            window.Extend(text);
        }
    }

    /// <summary>Walks through the window from its start and writes ends until one could lie behind <see cref="ScanWindow.SafeEnd"/>.</summary>
    /// <param name="rest">The text from the window's start to its end.</param>
    /// <param name="window">The masks of a stretch of it.</param>
    protected abstract void Walk(ReadOnlySpan<byte> rest, ScanWindow window);

    /// <summary>What a walk looks at: the rest of the text and the masks of the first part of it.</summary>
    protected readonly ref struct Cursor
    {
        private const int Letter = 0;
        private const int Number = 1;
        private const int Space = 2;
        private const int Other = 3;
        private const int Newline = 4;
        private const int Upper = 5;
        private const int Lower = 6;

        private readonly ReadOnlySpan<byte> _rest;
        private readonly ref byte _text;
        private readonly ref ulong _masks;

        public Cursor(ReadOnlySpan<byte> rest, ScanWindow window)
        {
            _rest = rest;
            _text = ref MemoryMarshal.GetReference(rest);
            _masks = ref window.FirstMask;
        }

        public byte this[int at]
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => Unsafe.Add(ref _text, at);
        }

        public int Length => _rest.Length;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool IsLetter(int at) => Has(Letter, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool IsNumber(int at) => Has(Number, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool IsSpace(int at) => Has(Space, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool IsOther(int at) => Has(Other, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool IsNewline(int at) => Has(Newline, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool IsUpper(int at) => Has(Upper, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool IsLower(int at) => Has(Lower, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Letters(int at) => Run(Letter, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Numbers(int at) => Run(Number, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Spaces(int at) => Run(Space, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Others(int at) => Run(Other, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Newlines(int at) => Run(Newline, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Uppers(int at) => Run(Upper, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Lowers(int at) => Run(Lower, at);

        /// <summary>The length of the character at a position.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Width(int at) => this[at] < 0x80 ? 1 : Utf8.LengthAt(_rest, at, _rest.Length);

        /// <summary>The end of at most <paramref name="most"/> numbers.</summary>
        public int Digits(int at, int most)
        {
            for (; most > 0 && Has(Number, at); most--)
                at += Width(at);
            return at;
        }

        /// <summary>
        /// The end of white space by <c>\s+(?!\S)|\s+</c>: all of it before the end of the text, else all but the last character,
        /// unless that is the only one.
        /// </summary>
        public int SpacesBeforeWord(int at, int end)
        {
            if (end == _rest.Length)
                return end;
            int last = end - 1;
            while ((this[last] & 0xC0) == 0x80)
                last--;
            return last > at ? last : end;
        }

        /// <summary>The end of the last newline in a range; the start of the range when there is none.</summary>
        public int AfterLastNewline(int at, int end)
        {
            while (end > at && this[end - 1] is not ((byte)'\n' or (byte)'\r'))
                end--;
            return end;
        }

        /// <summary>The end of the last lower-case character (in the sense of o200k) in a range; its start when there is none.</summary>
        public int AfterLastLower(int at, int end)
        {
            while (end > at && !Has(Lower, end - 1))
                end--;
            return end;
        }

        /// <summary>The length of a contraction with its apostrophe; 0 when there is none.</summary>
        /// <param name="at">The place of the apostrophe.</param>
        /// <param name="ignoresCase">Whether upper case and U+017F (a form of s) count.</param>
        public int Contraction(int at, bool ignoresCase)
        {
            int left = _rest.Length - at;
            if (left < 2 || this[at] != '\'')
                return 0;
            int first = this[at + 1];
            int fold = ignoresCase ? 0x20 : 0;
            switch (first | fold)
            {
                case 's' or 't' or 'm' or 'd':
                    return 2;
                case 'r' or 'v':
                    return left >= 3 && (this[at + 2] | fold) == 'e' ? 3 : 0;
                case 'l':
                    return left >= 3 && (this[at + 2] | fold) == 'l' ? 3 : 0;
                default:
                    return ignoresCase && first == 0xC5 && left >= 3 && this[at + 2] == 0xBF ? 3 : 0;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private bool Has(int mask, int at) => ((Unsafe.Add(ref _masks, ((at >> 6) << 3) + mask) >> at) & 1) != 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private int Run(int mask, int at)
        {
            ulong gaps = ~Unsafe.Add(ref _masks, ((at >> 6) << 3) + mask) >> at;
            return gaps != 0 ? at + BitOperations.TrailingZeroCount(gaps) : LongRun(mask, at);
        }

        private int LongRun(int mask, int at)
        {
            int block = at >> 6;
            ulong gaps;
            do
                gaps = ~Unsafe.Add(ref _masks, (++block << 3) + mask);
            while (gaps == 0);
            return (block << 6) + BitOperations.TrailingZeroCount(gaps);
        }
    }
}
