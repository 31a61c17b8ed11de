namespace Merganser.Weights.Selection;

/// <summary>
/// Elements of given ranks (0 for the smallest) of values that are streamed past twice, exactly and without sorting: a histogram over the
/// upper half of the ordered bit pattern, then one over the lower half for each bin that holds a rank. Several threads may observe
/// at once, in any order: counts do not depend on it. Memory: half a megabyte per thread and rank.
/// </summary>
internal sealed class OrderStatistics : IDisposable
{
    private const int Bins = 1 << 16;

    private readonly long[] _ranks;
    private readonly int[] _bins;
    private readonly long[] _below;
    private readonly float[] _values;
    private ThreadLocal<long[][]>? _counts;
    private bool _fine;

    /// <summary>Looks for the elements of these ranks.</summary>
    public OrderStatistics(params ReadOnlySpan<long> ranks)
    {
        _ranks = ranks.ToArray();
        _bins = new int[_ranks.Length];
        _below = new long[_ranks.Length];
        _values = new float[_ranks.Length];
        _counts = Begin(1);
    }

    /// <summary>True after the second pass.</summary>
    public bool IsDone => _counts is null;

    /// <summary>The element of the i-th rank.</summary>
    public float this[int index] => IsDone ? _values[index] : throw new InvalidOperationException("two passes are needed");

    /// <summary>Counts some values.</summary>
    public void Observe(ReadOnlySpan<float> values)
    {
        long[][] counts = _counts!.Value!;
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
        using ThreadLocal<long[][]> counts = _counts!;
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

        _counts = _fine ? null : Begin(_ranks.Length);
        _fine = true;
    }

    public void Dispose() => _counts?.Dispose();

    private static long Count(ThreadLocal<long[][]> counts, int source, int bin)
    {
        long sum = 0;
        foreach (long[][] own in counts.Values)
            sum += own[source][bin];
        return sum;
    }

    private ThreadLocal<long[][]> Begin(int histograms)
    {
        int[] bins = [.. _bins];
        return new ThreadLocal<long[][]>(
            () => [.. Enumerable.Range(0, histograms).Select(i => histograms > 1 && Array.IndexOf(bins, bins[i]) != i ? [] : new long[Bins])],
            trackAllValues: true);
    }

    /// <summary>Bit patterns in the order of the numbers.</summary>
    private static uint Key(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        return (uint)bits ^ ((uint)(bits >> 31) | 0x80000000);
    }

    private static float Value(uint key) => BitConverter.UInt32BitsToSingle((key & 0x80000000) != 0 ? key ^ 0x80000000 : ~key);
}
