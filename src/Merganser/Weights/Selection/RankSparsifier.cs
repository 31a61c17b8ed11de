using System.Numerics;
using System.Runtime.InteropServices;

namespace Merganser.Weights.Selection;

/// <summary>
/// Keeps an element with a probability that grows with the rank of its magnitude in its row (DELLA):
/// <c>p = (ρ − ε) + 2ε·(rank − 1)/(n − 1)</c>, rank 1 for the smallest; of equal magnitudes the lower index has the lower rank.
/// </summary>
/// <remarks>
/// An element is kept when its rank, counted from 0, is above <c>z = (u − (ρ − ε))·(n − 1)/2ε</c>, u the element's draw
/// in [0, 1) with 24 bits. z below 0 or from n − 1 on settles most elements without a rank; buckets of equal width bound
/// the ranks of nearly all others; only the rest is ranked exactly.
/// </remarks>
internal sealed class RankSparsifier : Sparsifier
{
    private const int MaxBuckets = 1024;
    private const int MaxKeptBytes = 1 << 28;
    private const int AbsoluteMask = 0x7FFFFFFF;

    private readonly DrawStream _draws;
    private readonly int _rowLength;
    private readonly int _rowStride;
    private readonly int _slice;
    private readonly float _lowest;
    private readonly float _slope;
    private readonly uint _plain;

    // The decisions of the first pass, one bit for an element, every row beginning with a new byte: a rescaling
    // visits the tensor twice.
    private readonly byte[]? _kept;
    private int _passes;

    private readonly uint[] _u;
    private readonly float[] _magnitudes;
    private readonly int[] _bucketOf;
    private readonly int[] _starts = new int[MaxBuckets + 1];
    private readonly List<int> _open = [];
    private float[] _gathered = [];
    private ulong[] _order = [];

    /// <summary>Ranks within rows of one shape.</summary>
    /// <param name="draws">Random numbers, by flat index.</param>
    /// <param name="density">The mean probability ρ.</param>
    /// <param name="epsilon">Half the range of the probabilities ε.</param>
    /// <param name="count">Elements of the tensor.</param>
    /// <param name="rowLength">Elements that are ranked together.</param>
    /// <param name="rowStride">The distance of neighbours in a row; 1 when rows are contiguous. Rows then interleave in slices of rowLength · rowStride elements.</param>
    public RankSparsifier(DrawStream draws, double density, double epsilon, long count, int rowLength, int rowStride)
    {
        _draws = draws;
        _rowLength = rowLength;
        _rowStride = rowStride;
        _slice = checked(rowLength * rowStride);
        _lowest = (float)(density - epsilon);
        _slope = (float)((rowLength - 1) / (2 * epsilon));
        _plain = DrawStream.Threshold(density);
        IsPlain = rowLength < 2 || epsilon == 0 || !float.IsFinite(_slope);
        _u = new uint[rowLength];
        _magnitudes = new float[rowLength];
        _bucketOf = new int[rowLength];
        long bytes = rowLength == 0 ? 0 : count / rowLength * BytesPerRow;
        if (!IsPlain && rowStride == 1 && bytes <= MaxKeptBytes)
            _kept = new byte[bytes];
    }

    /// <inheritdoc/>
    public override Granularity Granularity => _rowStride == 1 ? Granularity.Rows : Granularity.Tensor;

    /// <summary>True when all probabilities are equal, so that ranks do not matter.</summary>
    public bool IsPlain { get; }

    private int BytesPerRow => (_rowLength + 7) / 8;

    /// <inheritdoc/>
    public override void BeginPass() => _passes++;

    /// <inheritdoc/>
    public override void Apply(Span<float> delta, long start)
    {
        if (IsPlain)
        {
            _draws.KeepBelow(_plain, start, delta);
            return;
        }

        for (int offset = 0; offset < delta.Length; offset += _slice)
        {
            Span<float> slice = delta.Slice(offset, _slice);
            if (_rowStride != 1)
            {
                KeepInColumns(slice, start + offset);
                continue;
            }

            Span<byte> kept = _kept is null ? default : _kept.AsSpan((int)((start + offset) / _rowLength * BytesPerRow), BytesPerRow);
            if (_passes > 1 && _kept is not null)
            {
                RowBits.Apply(kept, slice);
                continue;
            }

            _draws.Fill(start + offset, _u);
            KeepInRow(slice);
            if (_kept is not null)
                RowBits.Take(slice, kept);
        }
    }

    private void KeepInColumns(Span<float> slice, long start)
    {
        Array.Resize(ref _gathered, _rowLength);
        for (int column = 0; column < _rowStride; column++)
        {
            for (int i = 0; i < _rowLength; i++)
            {
                int index = (i * _rowStride) + column;
                _gathered[i] = slice[index];
                _u[i] = _draws.Draw(start + index);
            }

            KeepInRow(_gathered);
            for (int i = 0; i < _rowLength; i++)
                slice[(i * _rowStride) + column] = _gathered[i];
        }
    }

    private void KeepInRow(Span<float> row)
    {
        float largest = TakeMagnitudes(row);
        int buckets = (int)Math.Clamp(BitOperations.RoundUpToPowerOf2((uint)row.Length) / 2, 16, MaxBuckets);
        float scale = buckets / largest;
        if (!float.IsFinite(scale) || scale == 0)
        {
            // Only zeros, or something that is not finite: buckets of equal width make no sense.
            KeepBySorting(row);
            return;
        }

        CountBuckets(buckets, scale);
        _open.Clear();
        Decide(row);
        if (_open.Count > 32 + (row.Length / 64))
        {
            RankBySorting(row.Length);
            foreach (int index in _open)
                Settle(row, index, (int)_order[index]);
        }
        else
        {
            foreach (int index in _open)
                Settle(row, index, RankOf(index));
        }
    }

    private float Edge(uint draw) => ((float)(draw >> 8) * (1f / (1 << 24)) - _lowest) * _slope;

    private void Settle(Span<float> row, int index, int rank)
    {
        if (!(rank > Edge(_u[index])))
            row[index] = 0;
    }

    private float TakeMagnitudes(ReadOnlySpan<float> row)
    {
        ref float source = ref MemoryMarshal.GetReference(row);
        ref float target = ref MemoryMarshal.GetArrayDataReference(_magnitudes);
        Vector<int> largest = default;
        int index = 0;
        for (; index <= row.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<int> key = Vector.LoadUnsafe(ref source, (nuint)index).AsVectorInt32() & new Vector<int>(AbsoluteMask);
            largest = Vector.Max(largest, key);
            key.AsVectorSingle().StoreUnsafe(ref target, (nuint)index);
        }

        int top = 0;
        for (int lane = 0; lane < Vector<int>.Count; lane++)
            top = Math.Max(top, largest[lane]);
        for (; index < row.Length; index++)
        {
            int key = BitConverter.SingleToInt32Bits(row[index]) & AbsoluteMask;
            top = Math.Max(top, key);
            _magnitudes[index] = BitConverter.Int32BitsToSingle(key);
        }

        return BitConverter.Int32BitsToSingle(top);
    }

    /// <summary>Bucket of every element and, for every bucket, how many elements are in lower ones.</summary>
    private void CountBuckets(int buckets, float scale)
    {
        int[] starts = _starts;
        int[] bucketOf = _bucketOf;
        Array.Clear(starts, 0, buckets + 1);
        ref float source = ref MemoryMarshal.GetArrayDataReference(_magnitudes);
        ref int target = ref MemoryMarshal.GetArrayDataReference(bucketOf);
        Vector<int> last = new(buckets - 1);
        int index = 0;
        for (; index <= bucketOf.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<int> bucket = Vector.ConvertToInt32Native(Vector.LoadUnsafe(ref source, (nuint)index) * scale);
            Vector.Min(bucket, last).StoreUnsafe(ref target, (nuint)index);
        }

        for (; index < bucketOf.Length; index++)
            bucketOf[index] = Math.Min((int)(_magnitudes[index] * scale), buckets - 1);

        foreach (int bucket in bucketOf)
            starts[bucket + 1]++;
        int sum = 0;
        for (int i = 1; i <= buckets; i++)
        {
            sum += starts[i];
            starts[i] = sum;
        }
    }

    /// <summary>Settles what the draws and the buckets can settle; notes the other elements.</summary>
    private void Decide(Span<float> row)
    {
        ref float values = ref MemoryMarshal.GetReference(row);
        ref uint draws = ref MemoryMarshal.GetArrayDataReference(_u);
        Vector<float> last = new(row.Length - 1);
        int index = 0;
        for (; index <= row.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<uint> draw = Vector.LoadUnsafe(ref draws, (nuint)index) >>> 8;
            Vector<float> edge = ((Vector.ConvertToSingle(draw.AsVectorInt32()) * (1f / (1 << 24))) - new Vector<float>(_lowest)) * _slope;
            Vector<int> possible = Vector.LessThan(edge, last);
            Vector<int> sure = Vector.LessThan(edge, Vector<float>.Zero);
            (Vector.LoadUnsafe(ref values, (nuint)index).AsVectorInt32() & possible).AsVectorSingle().StoreUnsafe(ref values, (nuint)index);
            uint undecided = Bits(Vector.AndNot(possible, sure));
            for (; undecided != 0; undecided &= undecided - 1)
                DecideByBucket(row, index + BitOperations.TrailingZeroCount(undecided));
        }

        for (; index < row.Length; index++)
            DecideByBucket(row, index);
    }

    private static uint Bits(Vector<int> lanes)
    {
        if (Vector<int>.Count == 8)
            return System.Runtime.Intrinsics.Vector256.ExtractMostSignificantBits(System.Runtime.Intrinsics.Vector256.AsVector256(lanes));
        uint bits = 0;
        for (int lane = 0; lane < Vector<int>.Count; lane++)
            bits |= (uint)lanes[lane] >> 31 << lane;
        return bits;
    }

    private void DecideByBucket(Span<float> row, int index)
    {
        float edge = Edge(_u[index]);
        int bucket = _bucketOf[index];
        if (_starts[bucket] > edge)
            return;
        if (_starts[bucket + 1] - 1 > edge)
            _open.Add(index);
        else
            row[index] = 0;
    }

    /// <summary>How many elements have a smaller magnitude, or the same and a lower index.</summary>
    private int RankOf(int index)
    {
        ref float magnitudes = ref MemoryMarshal.GetArrayDataReference(_magnitudes);
        int wanted = BitConverter.SingleToInt32Bits(_magnitudes[index]);
        int rank = 0;
        Vector<int> lower = default;
        Vector<int> target = new(wanted);
        int i = 0;
        for (; i <= index - Vector<int>.Count; i += Vector<int>.Count)
            lower -= Vector.LessThanOrEqual(Vector.LoadUnsafe(ref magnitudes, (nuint)i).AsVectorInt32(), target);
        for (; i < index; i++)
            rank += BitConverter.SingleToInt32Bits(_magnitudes[i]) <= wanted ? 1 : 0;
        for (i = index + 1; i <= _rowLength - Vector<int>.Count; i += Vector<int>.Count)
            lower -= Vector.LessThan(Vector.LoadUnsafe(ref magnitudes, (nuint)i).AsVectorInt32(), target);
        for (; i < _rowLength; i++)
            rank += BitConverter.SingleToInt32Bits(_magnitudes[i]) < wanted ? 1 : 0;
        return rank + Vector.Sum(lower);
    }

    private void KeepBySorting(Span<float> row)
    {
        RankBySorting(row.Length);
        for (int index = 0; index < row.Length; index++)
            Settle(row, index, (int)_order[index]);
    }

    /// <summary>Leaves the rank of every element in <see cref="_order"/>.</summary>
    private void RankBySorting(int length)
    {
        if (_order.Length < length)
            _order = new ulong[length];
        ulong[] keys = new ulong[length];
        for (int i = 0; i < length; i++)
            keys[i] = ((ulong)BitConverter.SingleToUInt32Bits(_magnitudes[i]) << 32) | (uint)i;
        Array.Sort(keys);
        for (int rank = 0; rank < length; rank++)
            _order[(uint)keys[rank]] = (ulong)rank;
    }
}
