using System.Collections.Concurrent;

namespace Merganser.Weights.Selection;

/// <summary>
/// Elements of given ranks (0 for the smallest) of values that are streamed past twice, exactly and without sorting: a histogram over the
/// upper half of the ordered bit pattern, then one over the lower half for each bin that holds a rank. Several threads may observe
/// at once, in any order: counts do not depend on it. Memory: half a megabyte per thread and rank.
/// </summary>
internal sealed class OrderStatistics
{
    private const int Bins = 1 << 16;

    private readonly long[] _ranks;
    private readonly int[] _bins;
    private readonly long[] _below;
    private readonly float[] _values;
    private ConcurrentDictionary<int, long[][]>? _counts = new();
    private bool _fine;

    /// <summary>Looks for the elements of these ranks.</summary>
    public OrderStatistics(params ReadOnlySpan<long> ranks)
    {
        _ranks = ranks.ToArray();
        _bins = new int[_ranks.Length];
        _below = new long[_ranks.Length];
        _values = new float[_ranks.Length];
    }

    /// <summary>True after the second pass.</summary>
    public bool IsDone => _counts is null;

    /// <summary>The element of the i-th rank.</summary>
    public float this[int index] => IsDone ? _values[index] : throw new InvalidOperationException("two passes are needed");

    /// <summary>Counts some values.</summary>
    public void Observe(ReadOnlySpan<float> values)
    {
        long[][] counts = _counts!.GetOrAdd(Environment.CurrentManagedThreadId, static (_, owner) => owner.Empty(), this);
        if (!_fine)
        {
            long[] all = counts[0];
            foreach (float value in values)
                all[Key(value) >> 16]++;
            return;
        }

        for (int i = 0; i < _bins.Length; i++)
        {
            if (counts[i] is not { Length: > 0 } own)
                continue;
            uint bin = (uint)_bins[i];
            foreach (float value in values)
            {
                uint key = Key(value);
                if (key >> 16 == bin)
                    own[key & 0xFFFF]++;
            }
        }
    }

    /// <summary>Closes a pass.</summary>
    public void EndPass()
    {
        long[][][] counts = [.. _counts!.Values];
        for (int i = 0; i < _ranks.Length; i++)
        {
            // Ranks in the same bin share its counts.
            int source = _fine ? Array.IndexOf(_bins, _bins[i]) : 0;
            long before = _below[i];
            int bin = 0;
            while (bin < Bins - 1 && before + Count(counts, source, bin) <= _ranks[i])
                before += Count(counts, source, bin++);
            if (_fine)
            {
                _values[i] = Value(((uint)_bins[i] << 16) | (uint)bin);
                continue;
            }

            _bins[i] = bin;
            _below[i] = before;
        }

        _counts = _fine ? null : new ConcurrentDictionary<int, long[][]>();
        _fine = true;
    }

    private static long Count(long[][][] counts, int source, int bin)
    {
        long sum = 0;
        foreach (long[][] own in counts)
            sum += own[source][bin];
        return sum;
    }

    /// <summary>One histogram of the upper halves, or one of the lower halves for each different bin.</summary>
    private long[][] Empty() =>
        !_fine ? [new long[Bins]] : [.. Enumerable.Range(0, _bins.Length).Select(i => Array.IndexOf(_bins, _bins[i]) == i ? new long[Bins] : [])];

    /// <summary>Bit patterns in the order of the numbers.</summary>
    private static uint Key(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        return (uint)bits ^ ((uint)(bits >> 31) | 0x80000000);
    }

    private static float Value(uint key) => BitConverter.UInt32BitsToSingle((key & 0x80000000) != 0 ? key ^ 0x80000000 : ~key);
}
