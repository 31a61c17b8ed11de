using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Merganser.Weights.Selection;

/// <summary>
/// Decides for a row which elements have a rank above their draw's edge, one bit for each; the rule is in the documentation
/// of <see cref="RankSparsifier"/>. Memory for one row of a fixed length; rows may follow each other.
/// </summary>
/// <remarks>
/// In steps without branches on the data: buckets of equal width count magnitudes, so that the bounds of an element's
/// bucket bound its rank; the draws settle most elements without a rank, the others are packed into lists and settled
/// by the bounds of their buckets. Only what these leave open is ranked exactly.
/// </remarks>
internal sealed class RowRanks
{
    private const int MaxBuckets = 1024;
    private const int AbsoluteMask = 0x7FFFFFFF;

    // Draws come as signed numbers; each stands for the middle of its share of the interval from 0 to 1.
    internal const float DrawOffset = 32768.5f;

    private readonly int _length;
    private readonly float _lowest;
    private readonly float _slope;

    private readonly int[] _bucketOf;
    private readonly int[] _starts = new int[MaxBuckets + 1];

    // Two sets of counters take turns: with many ties, one would wait for its own stores.
    private readonly int[] _counts = new int[2 * MaxBuckets];

    // What the draws leave undecided: index, edge and bucket; then what must be dropped and what is still open.
    private readonly int[] _indices;
    private readonly int[] _edges;
    private readonly int[] _buckets;
    private readonly int[] _dropped;
    private readonly int[] _open;
    private int[] _order = [];

    /// <summary>Makes room for rows of a length.</summary>
    /// <param name="length">Elements of a row.</param>
    /// <param name="lowest">The smallest probability.</param>
    /// <param name="slope">Ranks for each unit of probability.</param>
    public RowRanks(int length, float lowest, float slope)
    {
        _length = length;
        _lowest = lowest;
        _slope = slope;
        _bucketOf = new int[length];
        _indices = new int[length + LanePacker.Spare];
        _edges = new int[length + LanePacker.Spare];
        _buckets = new int[length + LanePacker.Spare];
        _dropped = new int[length + LanePacker.Spare];
        _open = new int[length + LanePacker.Spare];
    }

    /// <summary>Sets the bits of the elements that are kept, and no others.</summary>
    public void Decide(ReadOnlySpan<float> row, ReadOnlySpan<short> draws, Span<byte> kept)
    {
        float largest = Largest(row);
        int buckets = (int)Math.Clamp(BitOperations.RoundUpToPowerOf2((uint)_length) / 2, 16, MaxBuckets);
        float scale = buckets / largest;
        if (!float.IsFinite(scale) || scale == 0)
        {
            // Only zeros, or something that is not finite: buckets of equal width make no sense.
            kept.Fill(0xFF);
            RankBySorting(row);
            for (int index = 0; index < _length; index++)
                Settle(kept, draws, index, _order[index]);
            return;
        }

        CountBuckets(row, buckets, scale);
        int undecided = DecideByDraw(draws, kept);
        ReadOnlySpan<int> open = DecideByBucket(undecided, kept);
        if (open.Length > 32 + (_length / 64))
        {
            RankBySorting(row);
            foreach (int index in open)
                Settle(kept, draws, index, _order[index]);
        }
        else
        {
            foreach (int index in open)
                Settle(kept, draws, index, RankOf(row, index));
        }
    }

    private static void Drop(Span<byte> kept, int index) => kept[index >> 3] &= (byte)~(1 << (index & 7));

    private static int Key(float value) => BitConverter.SingleToInt32Bits(value) & AbsoluteMask;

    private static float Largest(ReadOnlySpan<float> row)
    {
        ref float source = ref MemoryMarshal.GetReference(row);
        Vector<int> largest = default;
        int index = 0;
        for (; index <= row.Length - Vector<float>.Count; index += Vector<float>.Count)
            largest = Vector.Max(largest, Vector.LoadUnsafe(ref source, (nuint)index).AsVectorInt32() & new Vector<int>(AbsoluteMask));
        int top = 0;
        for (int lane = 0; lane < Vector<int>.Count; lane++)
            top = Math.Max(top, largest[lane]);
        for (; index < row.Length; index++)
            top = Math.Max(top, Key(row[index]));
        return BitConverter.Int32BitsToSingle(top);
    }

    private float Edge(short draw) => Edge(draw, _lowest, _slope);

    /// <summary>The rank that an element must exceed to be kept.</summary>
    internal static float Edge(short draw, float lowest, float slope) => (((draw + DrawOffset) * (1f / (1 << 16))) - lowest) * slope;

    private void Settle(Span<byte> kept, ReadOnlySpan<short> draws, int index, int rank)
    {
        if (!(rank > Edge(draws[index])))
            Drop(kept, index);
    }

    /// <summary>Bucket of every element and, for every bucket, how many elements are in lower ones.</summary>
    private void CountBuckets(ReadOnlySpan<float> row, int buckets, float scale)
    {
        int[] bucketOf = _bucketOf;
        ref float source = ref MemoryMarshal.GetReference(row);
        ref int target = ref MemoryMarshal.GetArrayDataReference(bucketOf);
        Vector<int> last = new(buckets - 1);
        int index = 0;
        for (; index <= bucketOf.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<int> bucket = Vector.ConvertToInt32Native(Vector.Abs(Vector.LoadUnsafe(ref source, (nuint)index)) * scale);
            Vector.Min(bucket, last).StoreUnsafe(ref target, (nuint)index);
        }

        for (; index < bucketOf.Length; index++)
            bucketOf[index] = Math.Min((int)(Math.Abs(row[index]) * scale), buckets - 1);

        Span<int> even = _counts.AsSpan(0, MaxBuckets);
        Span<int> odd = _counts.AsSpan(MaxBuckets, MaxBuckets);
        even[..buckets].Clear();
        odd[..buckets].Clear();
        ref int counts = ref MemoryMarshal.GetArrayDataReference(_counts);
        index = 0;
        for (; index < bucketOf.Length - 3; index += 4)
        {
            // No checks of the bounds: the buckets come from the lines above, where they were clamped.
            Unsafe.Add(ref counts, Unsafe.Add(ref target, index))++;
            Unsafe.Add(ref counts, MaxBuckets + Unsafe.Add(ref target, index + 1))++;
            Unsafe.Add(ref counts, Unsafe.Add(ref target, index + 2))++;
            Unsafe.Add(ref counts, MaxBuckets + Unsafe.Add(ref target, index + 3))++;
        }

        for (; index < bucketOf.Length; index++)
            even[bucketOf[index]]++;
        int[] starts = _starts;
        int sum = 0;
        for (int i = 0; i < buckets; i++)
        {
            sum += even[i] + odd[i];
            starts[i + 1] = sum;
        }
    }

    /// <summary>Drops what no rank can save, keeps the rest for now and lists what is not sure to stay; returns its number.</summary>
    private int DecideByDraw(ReadOnlySpan<short> draws, Span<byte> kept)
    {
        int count = 0;
        int index = 0;
        float last = _length - 1;
        if (Vector256.IsHardwareAccelerated)
        {
            ref short source = ref MemoryMarshal.GetReference(draws);
            ref int buckets = ref MemoryMarshal.GetArrayDataReference(_bucketOf);
            ref int toIndex = ref MemoryMarshal.GetArrayDataReference(_indices);
            ref int toEdge = ref MemoryMarshal.GetArrayDataReference(_edges);
            ref int toBucket = ref MemoryMarshal.GetArrayDataReference(_buckets);
            Vector256<float> lasts = Vector256.Create(last);
            Vector256<float> lowest = Vector256.Create(_lowest);
            Vector256<float> slope = Vector256.Create(_slope);
            Vector256<int> lanes = Vector256<int>.Indices;
            for (; index <= _length - Vector256<int>.Count; index += Vector256<int>.Count)
            {
                (Vector128<int> low, Vector128<int> high) = Vector128.Widen(Vector128.LoadUnsafe(ref source, (nuint)index));
                Vector256<float> draw = Vector256.ConvertToSingle(Vector256.Create(low, high)) + Vector256.Create(DrawOffset);
                Vector256<float> edge = ((draw * (1f / (1 << 16))) - lowest) * slope;
                Vector256<float> possible = Vector256.LessThan(edge, lasts);
                uint bits = Vector256.ExtractMostSignificantBits(possible);
                kept[index >> 3] = (byte)bits;
                uint undecided = bits & ~Vector256.ExtractMostSignificantBits(Vector256.LessThan(edge, Vector256<float>.Zero));
                Vector256<int> order = LanePacker.Order(undecided);
                LanePacker.Permute(lanes, order).StoreUnsafe(ref toIndex, (nuint)count);
                LanePacker.Permute(edge.AsInt32(), order).StoreUnsafe(ref toEdge, (nuint)count);
                LanePacker.Permute(Vector256.LoadUnsafe(ref buckets, (nuint)index), order).StoreUnsafe(ref toBucket, (nuint)count);
                count += BitOperations.PopCount(undecided);
                lanes += Vector256.Create(Vector256<int>.Count);
            }
        }

        kept[(index >> 3)..].Clear();
        for (; index < _length; index++)
        {
            float edge = Edge(draws[index]);
            if (!(edge < last))
                continue;
            kept[index >> 3] |= (byte)(1 << (index & 7));
            if (edge < 0)
                continue;
            _indices[count] = index;
            _edges[count] = BitConverter.SingleToInt32Bits(edge);
            _buckets[count++] = _bucketOf[index];
        }

        return count;
    }

    /// <summary>Drops what its bucket's bounds drop; returns what they leave open.</summary>
    private unsafe ReadOnlySpan<int> DecideByBucket(int undecided, Span<byte> kept)
    {
        int drops = 0;
        int opens = 0;
        int index = 0;
        if (Avx2.IsSupported)
        {
            ref int buckets = ref MemoryMarshal.GetArrayDataReference(_buckets);
            ref int elements = ref MemoryMarshal.GetArrayDataReference(_indices);
            ref int edges = ref MemoryMarshal.GetArrayDataReference(_edges);
            ref int dropped = ref MemoryMarshal.GetArrayDataReference(_dropped);
            ref int open = ref MemoryMarshal.GetArrayDataReference(_open);
            fixed (int* starts = _starts)
            {
                for (; index <= undecided - Vector256<int>.Count; index += Vector256<int>.Count)
                {
                    Vector256<int> bucket = Vector256.LoadUnsafe(ref buckets, (nuint)index);
                    Vector256<int> element = Vector256.LoadUnsafe(ref elements, (nuint)index);
                    Vector256<float> edge = Vector256.LoadUnsafe(ref edges, (nuint)index).AsSingle();
                    Vector256<float> least = Vector256.ConvertToSingle(Avx2.GatherVector256(starts, bucket, sizeof(int)));
                    Vector256<float> most = Vector256.ConvertToSingle(Avx2.GatherVector256(starts + 1, bucket, sizeof(int)) - Vector256<int>.One);
                    uint stays = Vector256.ExtractMostSignificantBits(Vector256.GreaterThan(least, edge));
                    uint may = Vector256.ExtractMostSignificantBits(Vector256.GreaterThan(most, edge));
                    LanePacker.Pack(element, may & ~stays).StoreUnsafe(ref open, (nuint)opens);
                    opens += BitOperations.PopCount(may & ~stays);
                    uint goes = ~(may | stays) & 0xFF;
                    LanePacker.Pack(element, goes).StoreUnsafe(ref dropped, (nuint)drops);
                    drops += BitOperations.PopCount(goes);
                }
            }
        }

        for (; index < undecided; index++)
        {
            float edge = BitConverter.Int32BitsToSingle(_edges[index]);
            int bucket = _buckets[index];
            if (_starts[bucket] > edge)
                continue;
            if (_starts[bucket + 1] - 1 > edge)
                _open[opens++] = _indices[index];
            else
                _dropped[drops++] = _indices[index];
        }

        foreach (int element in _dropped.AsSpan(0, drops))
            Drop(kept, element);
        return _open.AsSpan(0, opens);
    }

    /// <summary>How many elements have a smaller magnitude, or the same and a lower index.</summary>
    private static int RankOf(ReadOnlySpan<float> row, int index)
    {
        int wanted = Key(row[index]);

        // Up to the element, equal ones count too.
        return CountBelow(row[..index], wanted + 1) + CountBelow(row[(index + 1)..], wanted);
    }

    private static int CountBelow(ReadOnlySpan<float> values, int limit)
    {
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector<int> absolute = new(AbsoluteMask);
        Vector<int> limits = new(limit);
        Vector<int> even = default;
        Vector<int> odd = default;
        int width = Vector<int>.Count;
        int index = 0;
        for (; index <= values.Length - (2 * width); index += 2 * width)
        {
            even -= Vector.LessThan(Vector.LoadUnsafe(ref first, (nuint)index).AsVectorInt32() & absolute, limits);
            odd -= Vector.LessThan(Vector.LoadUnsafe(ref first, (nuint)(index + width)).AsVectorInt32() & absolute, limits);
        }

        int count = Vector.Sum(even + odd);
        for (; index < values.Length; index++)
            count += Key(values[index]) < limit ? 1 : 0;
        return count;
    }

    /// <summary>Leaves the rank of every element in <see cref="_order"/>.</summary>
    private void RankBySorting(ReadOnlySpan<float> row)
    {
        if (_order.Length < _length)
            _order = new int[_length];
        ulong[] keys = new ulong[_length];
        for (int i = 0; i < _length; i++)
            keys[i] = ((ulong)(uint)Key(row[i]) << 32) | (uint)i;
        Array.Sort(keys);
        for (int rank = 0; rank < _length; rank++)
            _order[(uint)keys[rank]] = rank;
    }
}
