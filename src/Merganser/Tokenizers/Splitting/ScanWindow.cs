using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Tokenizers;

/// <summary>
/// What a scanner works on: a stretch of the text with one bit per byte and class (all bytes of a character carry its class),
/// and the ends of the pretokens found in it. Belongs to one thread; reused. Positions are relative to <see cref="Origin"/>.
/// </summary>
internal sealed class ScanWindow
{
    /// <summary>The bytes of a stretch; small enough that text, masks and ends stay in the first cache.</summary>
    private const int Stretch = 4096;

    /// <summary>Scanners look at most this far behind the end of a run: a contraction and the character after it.</summary>
    private const int Lookahead = 16;

    private Masks[] _masks = new Masks[(Stretch / 64) + 2];

    /// <summary>Where the stretch begins in the text.</summary>
    public int Origin { get; private set; }

    /// <summary>The bytes of the stretch.</summary>
    public int Length { get; private set; }

    /// <summary>A run that ends behind this may go on behind the stretch.</summary>
    public int SafeEnd { get; private set; }

    /// <summary>The ends of pretokens, relative to <see cref="Origin"/>.</summary>
    public int[] Ends { get; private set; } = new int[Stretch + 64];

    /// <summary>The number of <see cref="Ends"/>.</summary>
    public int Count { get; set; }

    /// <summary>The masks by block of 64 bytes, eight words a block in the order of the fields; a block of zeros follows the last.</summary>
    public ref ulong FirstMask => ref Unsafe.As<Masks, ulong>(ref MemoryMarshal.GetArrayDataReference(_masks));

    /// <summary>Classifies the stretch that begins at a position, which is the start of a character.</summary>
    public void Open(ReadOnlySpan<byte> text, int origin)
    {
        Origin = origin;
        Count = 0;
        Fill(text, Math.Min(Stretch, text.Length - origin));
    }

    /// <summary>Makes the stretch longer because a run did not end in it.</summary>
    public void Extend(ReadOnlySpan<byte> text) => Fill(text, (int)Math.Min(4L * Length, text.Length - Origin));

    private void Fill(ReadOnlySpan<byte> text, int length)
    {
        Length = length;
        SafeEnd = Origin + length == text.Length ? int.MaxValue : length - Lookahead;
        int blocks = (length + 63) >> 6;
        if (_masks.Length < blocks + 2)
            _masks = new Masks[blocks + 2];
        if (Ends.Length < length + 64)
        {
            int[] ends = new int[length + 64];
            Ends.AsSpan(0, Count).CopyTo(ends);
            Ends = ends;
        }

        ReadOnlySpan<byte> stretch = text.Slice(Origin, length);
        var carry = default(Masks);
        ulong carried = 0; // bytes at the start of the next block that belong to the last character of this one
        for (int block = 0; block < blocks; block++)
        {
            int start = block << 6;
            ref Masks masks = ref _masks[block];
            ulong valid = ulong.MaxValue;
            ulong high;
            if (start + 64 <= length)
            {
                high = ClassifyAscii(ref Unsafe.Add(ref MemoryMarshal.GetReference(stretch), start), ref masks);
            }
            else
            {
                high = ClassifyTail(stretch[start..], ref masks);
                valid = (1UL << (length - start)) - 1;
            }

            if ((high | carried) != 0)
            {
                masks.Or(carry);
                carry = default;
                high &= ~carried;
                carried = high != 0 ? ClassifyRest(text, Origin + start, high, ref masks, ref carry) : 0;
            }

            masks.Other = ~(masks.Letter | masks.Number | masks.Space) & valid;
            if (valid != ulong.MaxValue)
                masks.Keep(valid);
        }

        _masks[blocks] = default;
        _masks[blocks + 1] = default;
    }

    private static ulong ClassifyTail(ReadOnlySpan<byte> tail, ref Masks masks)
    {
        Span<byte> block = stackalloc byte[64];
        block.Clear();
        tail.CopyTo(block);
        return ClassifyAscii(ref MemoryMarshal.GetReference(block), ref masks);
    }

    /// <summary>Classifies 64 bytes as if all were ASCII; returns where they are not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ClassifyAscii(ref byte start, ref Masks masks)
    {
        if (!Vector256.IsHardwareAccelerated)
            return ClassifyOneByOne(ref start, ref masks);
        Vector256<byte> low = Vector256.LoadUnsafe(ref start);
        Vector256<byte> high = Vector256.LoadUnsafe(ref start, 32);
        ulong upper = Both(InRange(low, (byte)'A', 25), InRange(high, (byte)'A', 25));
        ulong lower = Both(InRange(low, (byte)'a', 25), InRange(high, (byte)'a', 25));
        masks.Upper = upper;
        masks.Lower = lower;
        masks.Letter = upper | lower;
        masks.Number = Both(InRange(low, (byte)'0', 9), InRange(high, (byte)'0', 9));
        masks.Space = Both(InRange(low, 9, 4) | Vector256.Equals(low, Vector256.Create((byte)' ')), InRange(high, 9, 4) | Vector256.Equals(high, Vector256.Create((byte)' ')));
        masks.Newline = Both(
            Vector256.Equals(low, Vector256.Create((byte)'\n')) | Vector256.Equals(low, Vector256.Create((byte)'\r')),
            Vector256.Equals(high, Vector256.Create((byte)'\n')) | Vector256.Equals(high, Vector256.Create((byte)'\r')));
        return Both(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> InRange(Vector256<byte> value, byte from, byte span)
    {
        Vector256<byte> distance = value - Vector256.Create(from);
        return Vector256.Equals(Vector256.Min(distance, Vector256.Create(span)), distance);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Both(Vector256<byte> low, Vector256<byte> high) => low.ExtractMostSignificantBits() | ((ulong)high.ExtractMostSignificantBits() << 32);

    private static ulong ClassifyOneByOne(ref byte start, ref Masks masks)
    {
        masks = default;
        ulong high = 0;
        for (int i = 0; i < 64; i++)
        {
            byte value = Unsafe.Add(ref start, i);
            if (value >= 0x80)
                high |= 1UL << i;
            else
                masks.Set(SplitClasses.Of(value), 1UL << i);
        }

        return high;
    }

    /// <summary>Classifies the characters of a block that are not ASCII.</summary>
    /// <returns>The bytes of the next block that its last character takes.</returns>
    private static ulong ClassifyRest(ReadOnlySpan<byte> text, int start, ulong high, ref Masks masks, ref Masks carry)
    {
        do
        {
            int at = BitOperations.TrailingZeroCount(high);
            int classes = SplitClasses.Of(Utf8.Decode(text, start + at, out int length));
            ulong bits = (1UL << length) - 1;
            masks.Set(classes, bits << at);
            high &= ~(bits << at);
            if (at + length > 64)
            {
                bits >>= 64 - at;
                carry.Set(classes, bits);
                return bits;
            }
        }
        while (high != 0);
        return 0;
    }

    /// <summary>The classes of 64 bytes: one cache line.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    internal struct Masks
    {
        public ulong Letter;
        public ulong Number;
        public ulong Space;
        public ulong Other; // neither of the three
        public ulong Newline;
        public ulong Upper;
        public ulong Lower;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Set(int classes, ulong bits)
        {
            Letter |= bits & (ulong)-(classes & 1);
            Number |= bits & (ulong)-((classes >> 1) & 1);
            Space |= bits & (ulong)-((classes >> 2) & 1);
            Newline |= bits & (ulong)-((classes >> 3) & 1);
            Upper |= bits & (ulong)-((classes >> 4) & 1);
            Lower |= bits & (ulong)-((classes >> 5) & 1);
        }

        public void Or(in Masks other)
        {
            Letter |= other.Letter;
            Number |= other.Number;
            Space |= other.Space;
            Newline |= other.Newline;
            Upper |= other.Upper;
            Lower |= other.Lower;
        }

        public void Keep(ulong valid)
        {
            Letter &= valid;
            Number &= valid;
            Space &= valid;
            Newline &= valid;
            Upper &= valid;
            Lower &= valid;
        }
    }
}
