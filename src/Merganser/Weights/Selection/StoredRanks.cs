using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Merganser.Weights.Selection;

/// <summary>
/// Decides for a row of changes of stored bfloat16 numbers which elements have a rank above their draw's edge: the bits of <see cref="RowRanks"/>.
/// </summary>
/// <remarks>
/// In steps without branches on the data. Buckets of equal width count magnitudes, so that the bounds of an element's bucket bound its
/// rank. Most draws settle their element without a rank; the others are packed, as draw and bucket in one word, into a list and settled
/// by the bounds of their buckets, and the answers are spread over the row again. Only what these leave open is ranked exactly.
/// </remarks>
internal sealed unsafe class StoredRanks
{
    /// <summary>The longest row: bounds are numbers of 16 bits.</summary>
    public const int MaxLength = ushort.MaxValue;

    private const int WordBits = 32;

    private readonly DrawStream _stream;
    private readonly int _length;
    private readonly float _lowest;
    private readonly float _slope;
    private readonly short _sureBelow;
    private readonly short _dropAbove;

    private readonly RowBuckets _buckets;
    private readonly short[] _draws;
    private readonly uint[] _undecided;

    // What the draws leave undecided: draw and bucket; then one bit for each, and the places in that list of what is open.
    private readonly int[] _list;
    private readonly byte[] _stays;
    private readonly int[] _open;

    /// <summary>Makes room for rows of a length, which must be a multiple of 16.</summary>
    /// <param name="stream">Random numbers, by flat index.</param>
    /// <param name="length">Elements of a row.</param>
    /// <param name="lowest">The smallest probability.</param>
    /// <param name="slope">Ranks for each unit of probability.</param>
    public StoredRanks(DrawStream stream, int length, float lowest, float slope)
    {
        _stream = stream;
        _length = length;
        _lowest = lowest;
        _slope = slope;
        _buckets = new RowBuckets(length);
        int room = length + WordBits + LanePacker.Spare;
        _draws = new short[room];
        _undecided = new uint[(length / WordBits) + 1];
        _list = new int[room];
        _stays = new byte[(room / 8) + sizeof(ulong)];
        _open = new int[room];

        // Edges grow with the draws. Where a limit does not fit, one draw more is left undecided.
        _sureBelow = (short)Math.Min(short.MaxValue, First(draw => RowRanks.Edge(draw, lowest, slope) >= 0));
        _dropAbove = (short)(Math.Max(-short.MaxValue, First(draw => !(RowRanks.Edge(draw, lowest, slope) < length - 1))) - 1);
    }

    /// <summary>Sets the bits of the elements that are kept, and no others; up to <see cref="StoredBits.Spare"/> bytes behind them are overwritten.</summary>
    /// <param name="origin">The row in the base.</param>
    /// <param name="model">The row in the model.</param>
    /// <param name="start">The index of its first element in the tensor.</param>
    /// <param name="kept">One bit for each element.</param>
    public void Decide(ushort* origin, ushort* model, long start, byte* kept)
    {
        _buckets.Fill(origin, model);
        _stream.FillUpper(start, _draws.AsSpan(0, _length));
        int undecided = DecideByDraw(kept);
        int opens = DecideByBucket(undecided);
        Spread(kept);
        if (opens > 0)
            Settle(_open.AsSpan(0, opens), kept);
    }

    /// <summary>The first draw from which on a condition holds; one past the last when it never does.</summary>
    private static int First(Func<short, bool> holds)
    {
        int low = short.MinValue;
        int high = short.MaxValue + 1;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (holds((short)middle))
                high = middle;
            else
                low = middle + 1;
        }

        return low;
    }

    /// <summary>Sets the bits of what is sure to stay and lists what is undecided; returns its number.</summary>
    private int DecideByDraw(byte* kept)
    {
        int count = 0;
        Vector256<short> sureBelow = Vector256.Create(_sureBelow);
        Vector256<short> dropAbove = Vector256.Create(_dropAbove);
        int length = _length;
        ref int list = ref MemoryMarshal.GetArrayDataReference(_list);
        fixed (short* draws = _draws, buckets = _buckets.OfElements)
        {
            fixed (uint* masks = _undecided)
            {
                for (int index = 0; index < length; index += WordBits)
                {
                    Vector256<short> first = Vector256.Load(draws + index);
                    Vector256<short> second = Vector256.Load(draws + index + StoredBits.Width);
                    uint possible = ~StoredBits.Pack(Vector256.GreaterThan(first, dropAbove), Vector256.GreaterThan(second, dropAbove));
                    uint sure = possible & StoredBits.Pack(Vector256.LessThan(first, sureBelow), Vector256.LessThan(second, sureBelow));
                    uint mask = possible & ~sure & (uint)(ulong.MaxValue >> Math.Max(WordBits, 2 * WordBits + index - length));
                    *(uint*)(kept + (index >> 3)) = sure;
                    masks[index / WordBits] = mask;
                    (Vector256<int> low, Vector256<int> high) = Interleave(Vector256.Load(buckets + index), first);
                    count = Append(ref list, count, low, mask);
                    count = Append(ref list, count, high, mask >> 8);
                    (low, high) = Interleave(Vector256.Load(buckets + index + StoredBits.Width), second);
                    count = Append(ref list, count, low, mask >> 16);
                    count = Append(ref list, count, high, mask >> 24);
                }
            }
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Append(ref int list, int count, Vector256<int> words, uint mask)
    {
        LanePacker.Pack(words, mask).StoreUnsafe(ref list, (nuint)count);
        return count + BitOperations.PopCount(mask & 0xFF);
    }

    /// <summary>Sixteen words of 32 bits from their lower and their upper halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<int> Low, Vector256<int> High) Interleave(Vector256<short> lower, Vector256<short> upper)
    {
        if (Avx2.IsSupported)
        {
            Vector256<int> outer = Avx2.UnpackLow(lower, upper).AsInt32();
            Vector256<int> inner = Avx2.UnpackHigh(lower, upper).AsInt32();
            return (Avx2.Permute2x128(outer, inner, 0x20), Avx2.Permute2x128(outer, inner, 0x31));
        }

        (Vector256<int> low, Vector256<int> high) = Vector256.Widen(lower);
        (Vector256<int> lowTop, Vector256<int> highTop) = Vector256.Widen(upper);
        return ((low & Vector256.Create(0xFFFF)) | (lowTop << 16), (high & Vector256.Create(0xFFFF)) | (highTop << 16));
    }

    /// <summary>One bit for everything undecided, set where the rank may be high enough; lists what is not sure, returns its number.</summary>
    private int DecideByBucket(int undecided)
    {
        int opens = 0;
        Vector256<int> places = Vector256<int>.Indices;
        Vector256<float> lowest = Vector256.Create(_lowest);
        Vector256<float> slope = Vector256.Create(_slope);
        ref int list = ref MemoryMarshal.GetArrayDataReference(_list);
        ref int open = ref MemoryMarshal.GetArrayDataReference(_open);
        ref byte stays = ref MemoryMarshal.GetArrayDataReference(_stays);
        fixed (ushort* starts = _buckets.Starts)
        {
            for (int index = 0; index < undecided; index += Vector256<int>.Count)
            {
                Vector256<int> word = Vector256.LoadUnsafe(ref list, (nuint)index);
                Vector256<float> draw = Vector256.ConvertToSingle(word >> 16) + Vector256.Create(RowRanks.DrawOffset);
                Vector256<float> edge = ((draw * Vector256.Create(1f / (1 << 16))) - lowest) * slope;
                Vector256<int> bounds = Bounds(starts, word & Vector256.Create(0xFFFF));
                Vector256<float> least = Vector256.ConvertToSingle(bounds & Vector256.Create(0xFFFF));
                Vector256<float> most = Vector256.ConvertToSingle((bounds >>> 16) - Vector256<int>.One);
                uint may = Vector256.ExtractMostSignificantBits(Vector256.GreaterThan(most, edge));
                uint sure = Vector256.ExtractMostSignificantBits(Vector256.GreaterThan(least, edge));
                uint unsure = may & ~sure & (0xFFu >> Math.Max(0, index + Vector256<int>.Count - undecided));
                Unsafe.Add(ref stays, index >> 3) = (byte)may;
                LanePacker.Pack(places, unsure).StoreUnsafe(ref open, (nuint)opens);
                opens += BitOperations.PopCount(unsure);
                places += Vector256.Create(Vector256<int>.Count);
            }
        }

        return opens;
    }

    /// <summary>Start and end of buckets, as lower and upper half: the end is the start of the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Bounds(ushort* starts, Vector256<int> bucket)
    {
        if (Avx2.IsSupported)
            return Avx2.GatherVector256((int*)starts, bucket, sizeof(ushort));
        int* bounds = stackalloc int[Vector256<int>.Count];
        for (int lane = 0; lane < Vector256<int>.Count; lane++)
            bounds[lane] = starts[bucket[lane]] | (starts[bucket[lane] + 1] << 16);
        return Vector256.Load(bounds);
    }

    /// <summary>Brings the bits of what was undecided back to their places in the row.</summary>
    private void Spread(byte* kept)
    {
        int position = 0;
        ref byte stays = ref MemoryMarshal.GetArrayDataReference(_stays);
        for (int word = 0; word < _undecided.Length; word++)
        {
            uint mask = _undecided[word];
            if (mask == 0)
                continue;
            uint bits = (uint)(Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref stays, position >> 3)) >> (position & 7));
            position += BitOperations.PopCount(mask);
            *(uint*)(kept + (word * (WordBits / 8))) |= Bmi2.IsSupported ? Bmi2.ParallelBitDeposit(bits, mask) : Deposit(bits, mask);
        }
    }

    private static uint Deposit(uint bits, uint mask)
    {
        uint result = 0;
        for (; mask != 0; mask &= mask - 1, bits >>= 1)
            result |= (bits & 1) << BitOperations.TrailingZeroCount(mask);
        return result;
    }

    /// <summary>Ranks what is open exactly and takes back the bits of what must go.</summary>
    private void Settle(ReadOnlySpan<int> open, byte* kept)
    {
        bool isMany = open.Length > 32 + (_length / 64);
        if (isMany)
            _buckets.RankAll();
        int word = 0;
        int before = 0;
        uint mask = _undecided[0];
        foreach (int place in open)
        {
            int here;
            while (before + (here = BitOperations.PopCount(mask)) <= place)
            {
                before += here;
                mask = _undecided[++word];
            }

            for (; before < place; before++)
                mask &= mask - 1;
            int index = (word * WordBits) + BitOperations.TrailingZeroCount(mask);
            int rank = isMany ? _buckets.Ranks[index] : _buckets.RankOf(index);
            if (!(rank > RowRanks.Edge(_draws[index], _lowest, _slope)))
                kept[index >> 3] &= (byte)~(1 << (index & 7));
        }
    }
}
