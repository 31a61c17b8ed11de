using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>
/// The magnitudes of a row of changes of stored bfloat16 numbers in buckets of equal width, the last one open above: which bucket an
/// element is in, and how many elements are in lower ones. Memory for one row of a fixed length; rows may follow each other.
/// </summary>
internal sealed unsafe class RowBuckets
{
    private const int MaxBuckets = 1024;
    private const int LargestFinite = 0x7F7FFFFF;

    private readonly int _length;
    private readonly int _count;
    private readonly int[] _counts;

    // The magnitudes of the elements with even and with odd index.
    private readonly int[] _even;
    private readonly int[] _odd;
    private float _largest;
    private ulong[] _keys = [];

    /// <summary>Makes room for rows of a length.</summary>
    public RowBuckets(int length)
    {
        _length = length;
        _count = (int)Math.Clamp(BitOperations.RoundUpToPowerOf2((uint)length) / 2, 16, MaxBuckets);

        // Two sets of counters take turns: with many ties, one would wait for its own stores.
        _counts = new int[2 * _count];
        _even = new int[length / 2];
        _odd = new int[length / 2];
        OfElements = new short[length + 32];
        Starts = new ushort[_count + 2];
    }

    /// <summary>The bucket of every element.</summary>
    public short[] OfElements { get; }

    /// <summary>How many elements are in lower buckets; one entry more for the end of the last.</summary>
    public ushort[] Starts { get; }

    /// <summary>The rank of every element after <see cref="RankAll"/>, 0 for the smallest magnitude; of equal ones the lower index has the lower rank.</summary>
    public int[] Ranks { get; private set; } = [];

    /// <summary>Sorts a row into buckets.</summary>
    public void Fill(ushort* origin, ushort* model)
    {
        // Neighbours are alike: the width of the last row's buckets will usually do.
        float largest = Assign(origin, model, _largest);
        if (!(largest <= 1.5f * _largest && largest >= 0.5f * _largest))
        {
            _largest = largest;
            Assign(origin, model, largest);
        }

        Count();
    }

    /// <summary>The rank of one element.</summary>
    public int RankOf(int index)
    {
        ReadOnlySpan<int> own = (index & 1) == 0 ? _even : _odd;
        int key = own[index >> 1];
        return CountBefore(_even, key, (index + 1) >> 1) + CountBefore(_odd, key, index >> 1);
    }

    /// <summary>Ranks all elements: bucket by bucket, so that ties, of which changes of bfloat16 numbers are full, cost little.</summary>
    public void RankAll()
    {
        if (_keys.Length == 0)
        {
            _keys = new ulong[_length];
            Ranks = new int[_length];
        }

        Span<int> next = _counts.AsSpan(0, _count);
        for (int bucket = 0; bucket < _count; bucket++)
            next[bucket] = Starts[bucket];
        for (int index = 0; index < _length; index++)
            _keys[next[OfElements[index]]++] = ((ulong)(uint)((index & 1) == 0 ? _even : _odd)[index >> 1] << 32) | (uint)index;
        next.Clear();
        for (int bucket = 0; bucket < _count; bucket++)
        {
            Span<ulong> keys = _keys.AsSpan(Starts[bucket], Starts[bucket + 1] - Starts[bucket]);
            if (!IsSorted(keys))
                keys.Sort();
        }

        for (int rank = 0; rank < _length; rank++)
            Ranks[(uint)_keys[rank]] = rank;
    }

    /// <summary>How many of every second element's keys are smaller than a key, or equal and among the first few.</summary>
    private static int CountBefore(ReadOnlySpan<int> keys, int key, int first)
    {
        // The length is a multiple of eight.
        ref int source = ref MemoryMarshal.GetReference(keys);
        Vector256<int> limit = Vector256.Create(key + 1);
        Vector256<int> count = default;
        int index = 0;
        for (; index <= first - Vector256<int>.Count; index += Vector256<int>.Count)
            count -= Vector256.LessThan(Vector256.LoadUnsafe(ref source, (nuint)index), limit);
        limit = Vector256.Create(key) - Vector256.GreaterThan(Vector256.Create(first - index), Vector256<int>.Indices);
        for (; index < keys.Length; index += Vector256<int>.Count)
        {
            count -= Vector256.LessThan(Vector256.LoadUnsafe(ref source, (nuint)index), limit);
            limit = Vector256.Create(key);
        }

        return Vector256.Sum(count);
    }

    private static bool IsSorted(ReadOnlySpan<ulong> keys)
    {
        for (int i = 1; i < keys.Length; i++)
        {
            if (keys[i] < keys[i - 1])
                return false;
        }

        return true;
    }

    /// <summary>Finds the bucket of every element; returns the largest finite magnitude.</summary>
    private float Assign(ushort* origin, ushort* model, float expected)
    {
        float width = _count / expected;
        Vector256<float> scale = Vector256.Create(float.IsFinite(width) ? width : 1);
        Vector256<float> last = Vector256.Create((float)(_count - 1));
        Vector256<int> largest = default;
        fixed (short* buckets = OfElements)
        fixed (int* evenKeys = _even, oddKeys = _odd)
        {
            for (int index = 0; index < _length; index += StoredBits.Width)
            {
                (Vector256<int> even, Vector256<int> odd) = StoredCut.Keys(origin + index, model + index);
                even.Store(evenKeys + (index / 2));
                odd.Store(oddKeys + (index / 2));
                largest = Vector256.Max(largest, Vector256.Max(even, odd));

                // In this order of arguments what is not a number gets the last bucket, or the first: never one outside.
                Vector256<int> low = Vector256.ConvertToInt32Native(Vector256.MinNative(even.AsSingle() * scale, last));
                Vector256<int> high = Vector256.ConvertToInt32Native(Vector256.MinNative(odd.AsSingle() * scale, last));
                StoredBits.Join(low, high << 16).Store(buckets + index);
            }
        }

        int top = 0;
        for (int lane = 0; lane < Vector256<int>.Count; lane++)
            top = Math.Max(top, largest[lane]);
        return BitConverter.Int32BitsToSingle(Math.Min(top, LargestFinite));
    }

    private void Count()
    {
        ref int counts = ref MemoryMarshal.GetArrayDataReference(_counts);
        ref short buckets = ref MemoryMarshal.GetArrayDataReference(OfElements);
        int odd = _count;
        for (nint index = 0; index < _length; index += 4)
        {
            // No checks of the bounds: the buckets were clamped. The length is a multiple of 16.
            ulong four = Unsafe.ReadUnaligned<ulong>(ref Unsafe.As<short, byte>(ref Unsafe.Add(ref buckets, index)));
            Unsafe.Add(ref counts, (nint)(ushort)four)++;
            Unsafe.Add(ref counts, odd + (nint)(ushort)(four >> 16))++;
            Unsafe.Add(ref counts, (nint)(ushort)(four >> 32))++;
            Unsafe.Add(ref counts, odd + (nint)(four >> 48))++;
        }

        AddUp(_counts.AsSpan(0, _count), _counts.AsSpan(_count, _count), Starts);
        _counts.AsSpan().Clear();
    }

    /// <summary>Running sums of both sets of counters, from the second entry on.</summary>
    private static void AddUp(ReadOnlySpan<int> even, ReadOnlySpan<int> odd, Span<ushort> starts)
    {
        ref int first = ref MemoryMarshal.GetReference(even);
        ref int second = ref MemoryMarshal.GetReference(odd);
        ref ushort target = ref Unsafe.Add(ref MemoryMarshal.GetReference(starts), 1);
        Vector256<int> carry = default;
        for (int index = 0; index < even.Length; index += 16)
        {
            Vector256<int> low = RunningSum(Vector256.LoadUnsafe(ref first, (nuint)index) + Vector256.LoadUnsafe(ref second, (nuint)index)) + carry;
            carry = Vector256.Create(low[7]);
            Vector256<int> high = RunningSum(Vector256.LoadUnsafe(ref first, (nuint)index + 8) + Vector256.LoadUnsafe(ref second, (nuint)index + 8)) + carry;
            carry = Vector256.Create(high[7]);
            Vector256.Narrow(low.AsUInt32(), high.AsUInt32()).StoreUnsafe(ref target, (nuint)index);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> RunningSum(Vector256<int> values)
    {
        values += Vector256.Shuffle(values, Vector256.Create(8, 0, 1, 2, 3, 4, 5, 6));
        values += Vector256.Shuffle(values, Vector256.Create(8, 8, 0, 1, 2, 3, 4, 5));
        return values + Vector256.Shuffle(values, Vector256.Create(8, 8, 8, 8, 0, 1, 2, 3));
    }
}
