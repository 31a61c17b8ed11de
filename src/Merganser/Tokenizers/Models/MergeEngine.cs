using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Tokenizers;

/// <summary>
/// Merges a row of symbols in place: always the pair of lowest rank, leftmost on a tie. Short rows by a scan for the lowest
/// rank after each merge, long ones with a heap of (rank, position): O(n log n), very long ones with a list per rank. One per
/// thread.
/// </summary>
internal sealed class MergeEngine(MergeTable merges, double dropout = 0, ulong seed = 0)
{
    private const int PositionBits = 6;
    private const uint PositionMask = (1 << PositionBits) - 1;
    private const int ShortLimit = 1 << PositionBits; // a rank has 22 bits at most, so both fit into one number
    private const int BucketLimit = 1 << 15; // from here on it pays to look at every rank
    private const uint None = uint.MaxValue;

    private readonly List<ulong> _skipped = [];
    private ulong _random = seed;
    private MergeBuckets? _buckets;
    private ulong[] _heap = []; // rank << 32 | position
    private int _heapCount;
    private int[] _next = [];
    private int[] _previous = [];
    private uint[] _ranks = []; // of the pair that starts at a position; None where no pair does

    /// <summary>Merges.</summary>
    /// <param name="ids">The symbols; the tokens afterwards.</param>
    /// <param name="lengths">Their lengths, which are added up.</param>
    /// <returns>The number of tokens.</returns>
    public int Merge(Span<int> ids, Span<int> lengths)
    {
        if (ids.Length < 2)
            return ids.Length;
        if (dropout == 0 && ids.Length <= ShortLimit)
            return MergeShort(ids, lengths, [], []);
        return dropout == 0 && ids.Length >= BucketLimit && merges.IsAscending ? MergeBuckets(ids, lengths) : MergeHeap(ids, lengths);
    }

    /// <summary>Merges symbols that are bytes, with the ranks of byte pairs at hand.</summary>
    /// <param name="ids">The symbols; the tokens afterwards.</param>
    /// <param name="lengths">Their lengths, which are added up.</param>
    /// <param name="bytes">The bytes of the symbols.</param>
    /// <param name="bytePairs">The rank of each pair of bytes, the first in the upper half of the index.</param>
    /// <returns>The number of tokens.</returns>
    public int Merge(Span<int> ids, Span<int> lengths, ReadOnlySpan<byte> bytes, ReadOnlySpan<int> bytePairs) =>
        dropout == 0 && ids.Length <= ShortLimit ? MergeShort(ids, lengths, bytes, bytePairs) : Merge(ids, lengths);

    /// <summary>
    /// Symbols stay where they are, linked to their neighbours; for each the rank of its pair with the next and its position in
    /// one number, so that one vector minimum over all finds the lowest rank, leftmost first.
    /// </summary>
    [SkipLocalsInit]
    private int MergeShort(Span<int> ids, Span<int> lengths, ReadOnlySpan<byte> bytes, ReadOnlySpan<int> bytePairs)
    {
        int count = ids.Length;
        Span<uint> pairs = stackalloc uint[ShortLimit];
        Span<byte> next = stackalloc byte[ShortLimit + 1];
        Span<byte> previous = stackalloc byte[ShortLimit + 1];
        int padded = (count + 7) & ~7;
        for (int i = 0; i < count - 1; i++)
        {
            int rank = bytePairs.IsEmpty ? merges.Rank(ids[i], ids[i + 1]) : bytePairs[(bytes[i] << 8) | bytes[i + 1]];
            pairs[i] = Pack(rank, i);
            next[i] = (byte)(i + 1);
            previous[i + 1] = (byte)i;
        }

        next[count - 1] = (byte)count;
        pairs[(count - 1)..padded].Fill(None);
        while (true)
        {
            uint least = Least(pairs[..padded]);
            if (least == None)
                break;
            int at = (int)(least & PositionMask);
            int gone = next[at];
            int after = next[gone];
            int merged = merges.Result((int)(least >> PositionBits));
            ids[at] = merged;
            next[at] = (byte)after;
            previous[after] = (byte)at;
            pairs[gone] = None;
            pairs[at] = after < count ? Pack(merges.Rank(merged, ids[after]), at) : None;
            if (at > 0)
            {
                int before = previous[at];
                pairs[before] = Pack(merges.Rank(ids[before], merged), before);
            }
        }

        int kept = 0;
        for (int i = 0, end; i < count; i = end)
        {
            end = next[i];
            int length = 0;
            for (int j = i; j < end; j++)
                length += lengths[j];
            ids[kept] = ids[i];
            lengths[kept++] = length;
        }

        return kept;
    }

    /// <summary>The rank above the position; <see cref="None"/> for the rank -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Pack(int rank, int position) => ((uint)rank << PositionBits) | (uint)position | (uint)(rank >> 31);

    /// <summary>The least of a multiple of eight numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Least(ReadOnlySpan<uint> values)
    {
        ref uint start = ref MemoryMarshal.GetReference(values);
        Vector256<uint> least = Vector256.LoadUnsafe(ref start);
        for (int i = 8; i < values.Length; i += 8)
            least = Vector256.Min(least, Vector256.LoadUnsafe(ref start, (nuint)i));
        Vector128<uint> half = Vector128.Min(least.GetLower(), least.GetUpper());
        half = Vector128.Min(half, Vector128.Shuffle(half, Vector128.Create(2u, 3, 0, 1)));
        half = Vector128.Min(half, Vector128.Shuffle(half, Vector128.Create(1u, 0, 3, 2)));
        return half.ToScalar();
    }

    /// <summary>Merges with a list per rank; the merges must be ascending.</summary>
    internal int MergeBuckets(Span<int> ids, Span<int> lengths) => (_buckets ??= new MergeBuckets(merges)).Merge(ids, lengths);

    /// <summary>Merges with a heap: right for any merges and with dropout.</summary>
    internal int MergeHeap(Span<int> ids, Span<int> lengths)
    {
        int count = ids.Length;
        Prepare(ids);
        while (_heapCount > 0)
        {
            ulong top = Pop();
            if (dropout > 0)
            {
                if (NextDouble() < dropout)
                {
                    _skipped.Add(top);
                    continue;
                }

                foreach (ulong skipped in _skipped)
                    Push(skipped);
                _skipped.Clear();
            }

            int at = (int)(uint)top;
            uint rank = (uint)(top >> 32);
            if (_ranks[at] != rank)
                continue; // a neighbour has been merged since
            int gone = _next[at];
            ids[at] = merges.Result((int)rank);
            lengths[at] += lengths[gone];
            _ranks[gone] = None;
            ids[gone] = -1;
            int after = _next[gone];
            _next[at] = after;
            if (after < count)
                _previous[after] = at;
            SetPair(ids, at, after);
            if (at > 0)
                SetPair(ids, _previous[at], at);
        }

        _skipped.Clear();
        int kept = 0;
        for (int i = 0; i < count; i = _next[i])
        {
            ids[kept] = ids[i];
            lengths[kept++] = lengths[i];
        }

        return kept;
    }

    private void Prepare(ReadOnlySpan<int> ids)
    {
        int count = ids.Length;
        if (_next.Length < count)
        {
            int room = Math.Max(count, 2 * _next.Length);
            _next = new int[room];
            _previous = new int[room];
            _ranks = new uint[room];
            _heap = new ulong[room];
        }

        _heapCount = 0;
        for (int i = 0; i < count; i++)
        {
            _next[i] = i + 1;
            _previous[i] = i - 1;
            _ranks[i] = i + 1 < count ? (uint)merges.Rank(ids[i], ids[i + 1]) : None;
            if (_ranks[i] != None)
                _heap[_heapCount++] = ((ulong)_ranks[i] << 32) | (uint)i;
        }

        for (int i = (_heapCount - 2) >> 2; i >= 0; i--)
            Sink(i, _heap[i]);
    }

    private void SetPair(ReadOnlySpan<int> ids, int left, int right)
    {
        uint rank = right < ids.Length ? (uint)merges.Rank(ids[left], ids[right]) : None;
        _ranks[left] = rank;
        if (rank != None)
            Push(((ulong)rank << 32) | (uint)left);
    }

    private void Push(ulong entry)
    {
        if (_heapCount == _heap.Length)
            Array.Resize(ref _heap, 2 * _heap.Length);
        int at = _heapCount++;
        while (at > 0)
        {
            int parent = (at - 1) >> 2;
            if (_heap[parent] <= entry)
                break;
            _heap[at] = _heap[parent];
            at = parent;
        }

        _heap[at] = entry;
    }

    private ulong Pop()
    {
        ulong top = _heap[0];
        ulong last = _heap[--_heapCount];
        if (_heapCount > 0)
            Sink(0, last);
        return top;
    }

    /// <summary>Four children per node: half the levels of a binary heap, and the children share a cache line.</summary>
    private void Sink(int at, ulong entry)
    {
        ulong[] heap = _heap;
        int count = _heapCount;
        while (true)
        {
            int child = (at << 2) + 1;
            if (child >= count)
                break;
            int least = child;
            int limit = Math.Min(child + 4, count);
            for (int i = child + 1; i < limit; i++)
            {
                if (heap[i] < heap[least])
                    least = i;
            }

            if (heap[least] >= entry)
                break;
            heap[at] = heap[least];
            at = least;
        }

        heap[at] = entry;
    }

    /// <summary>SplitMix64: a uniform number in [0, 1).</summary>
    private double NextDouble()
    {
        _random += 0x9E3779B97F4A7C15;
        ulong mixed = (_random ^ (_random >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return ((mixed ^ (mixed >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
