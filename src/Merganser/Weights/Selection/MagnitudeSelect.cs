using System.Buffers;
using System.Numerics;

namespace Merganser.Weights.Selection;

/// <summary>
/// Finds the k-th largest magnitude of a tensor that is streamed past, exactly and without sorting. A magnitude is the
/// bit pattern without its sign, whose integer order is the order of the absolute values (NaN above everything).
/// A sample gives a bracket that very likely holds the answer; one scan counts what is above the bracket and collects
/// what is inside, and the list is resolved in memory. When the bracket missed or holds too much, histogram scans narrow
/// it down. The answer never depends on the sample or on how the tensor is cut; memory is bounded by <see cref="ListLimit"/>.
/// </summary>
internal sealed class MagnitudeSelect
{
    /// <summary>The most magnitudes that are kept in memory.</summary>
    public const int ListLimit = 1 << 22;

    private const int WithoutSample = 1 << 16;
    private const int HistogramBits = 14;
    private const int AbsoluteMask = 0x7FFFFFFF;

    private readonly long _count;
    private readonly Func<long, long>? _rankOfNonZero;
    private readonly int _listLimit;
    private long _rank;
    private Phase _phase;

    // The answer lies in [_low, _high]; _above magnitudes are larger, _inside are in the interval.
    private int _low;
    private int _high = AbsoluteMask;
    private long _above;
    private long _inside;

    private readonly BracketList _list = new();

    // Known before the scan: the list will not outgrow the limit.
    private bool _fits = true;

    // The counts of the bracket are known: it must not be widened any more.
    private bool _isNarrowed;
    private long[]? _histogram;
    private int _shift;
    private bool _scanned;

    /// <summary>Looks for the element of a rank.</summary>
    /// <param name="count">Elements of the tensor.</param>
    /// <param name="rank">1 for the largest; 0 selects nothing, more than <paramref name="count"/> selects everything, both without a scan.</param>
    /// <param name="listLimit">The most magnitudes to keep in memory.</param>
    public MagnitudeSelect(long count, long rank, int listLimit = ListLimit)
    {
        _count = count;
        _listLimit = listLimit;
        Begin(rank);
    }

    /// <summary>Looks for an element whose rank depends on how many elements are not zero.</summary>
    public MagnitudeSelect(long count, Func<long, long> rankOfNonZero, int listLimit = ListLimit)
    {
        _count = count;
        _listLimit = listLimit;
        _rankOfNonZero = rankOfNonZero;
        _rank = -1;
        _phase = count == 0 ? Phase.Done : count <= Math.Min(WithoutSample, listLimit) ? Phase.Collect : Phase.Sample;
        _inside = count;
        SelectNothing();
    }

    private enum Phase
    {
        Done,
        Sample,
        Collect,
        Histogram,
    }

    /// <summary>What is selected, once no scan is wanted any more.</summary>
    public MagnitudeCut Cut { get; private set; }

    /// <summary>The scan that is needed next; closes the scan before.</summary>
    public ScanRequest NextScan()
    {
        if (_phase == Phase.Sample && _scanned)
            CloseSample();
        else if (_phase == Phase.Collect && _scanned)
            CloseCollect();
        else if (_phase == Phase.Histogram && _scanned)
            CloseHistogram();

        _scanned = false;
        switch (_phase)
        {
            case Phase.Sample:
                return ScanRequest.Sample(_count, Math.Clamp(_count / 16, 4096, Math.Max(32768, _count / 512)));
            case Phase.Collect:
                _list.Begin(isCounting: _low == _high, expected: (int)Math.Min(_count / 20, _listLimit));
                return ScanRequest.Full;
            case Phase.Histogram:
                _shift = Math.Max(0, 32 - BitOperations.LeadingZeroCount((uint)(_high - _low)) - HistogramBits);
                _histogram = new long[1 << HistogramBits];
                return ScanRequest.Full;
            default:
                _list.GiveBack();
                _histogram = null;
                return ScanRequest.None;
        }
    }

    /// <summary>Looks at the next values.</summary>
    public void Scan(ReadOnlySpan<float> values)
    {
        _scanned = true;
        switch (_phase)
        {
            case Phase.Sample:
                _list.AddAll(values);
                break;
            case Phase.Collect:
                _list.Collect(values, _low, _high, Limit);
                break;
            case Phase.Histogram:
                foreach (float value in values)
                {
                    int key = Key(value);
                    if (key >= _low && key <= _high)
                        _histogram![(key - _low) >> _shift]++;
                }

                break;
        }
    }

    /// <summary>True when <see cref="Scan(ushort*, ushort*, int, int*)"/> may be called instead in this scan.</summary>
    public bool CanScanStored => _phase == Phase.Collect && _rankOfNonZero is null && !_isNarrowed;

    /// <summary>Looks at the next changes of stored bfloat16 numbers.</summary>
    /// <param name="origin">The base.</param>
    /// <param name="model">The model.</param>
    /// <param name="count">At most <see cref="StoredCollect.MaxElements"/>.</param>
    /// <param name="scratch">Room for as many magnitudes and <see cref="LanePacker.Spare"/> more.</param>
    public unsafe void Scan(ushort* origin, ushort* model, int count, int* scratch)
    {
        _scanned = true;
        if (_low == _high)
        {
            (int above, int equal) = StoredCut.Count(origin, model, count, _low);
            _list.AddCounts(above, equal);
            return;
        }

        int length = StoredCollect.Run(origin, model, count, Widened(), scratch, out int over);
        _list.Append(new ReadOnlySpan<int>(scratch, length), over, Limit);
    }

    /// <summary>Looks at the next changes for two ranks at once, both of which must be able to.</summary>
    public static unsafe void Scan(MagnitudeSelect first, MagnitudeSelect second, ushort* origin, ushort* model, int count, int* scratch)
    {
        if (first._low == first._high || second._low == second._high)
        {
            first.Scan(origin, model, count, scratch);
            second.Scan(origin, model, count, scratch);
            return;
        }

        first._scanned = second._scanned = true;
        int length = StoredCollect.Run(origin, model, count, first.Widened(), second.Widened(), scratch, out int overFirst, out int overSecond);
        first.Take(new ReadOnlySpan<int>(scratch, length), overFirst);
        second.Take(new ReadOnlySpan<int>(scratch, length), overSecond);
    }

    /// <summary>Makes the bracket wide enough for comparing upper halves only.</summary>
    private (int Low, int High) Widened()
    {
        _low &= ~StoredCollect.LowerHalf;
        _high |= StoredCollect.LowerHalf;
        return (_low, _high);
    }

    private void Take(ReadOnlySpan<int> keys, int above) => _list.Append(keys, above, _low, _high, Limit);

    private int Limit => _fits ? int.MaxValue : _listLimit;

    private static int Key(float value) => BitConverter.SingleToInt32Bits(value) & AbsoluteMask;

    private void Begin(long rank)
    {
        _rank = rank;
        if (rank <= 0)
        {
            SelectNothing();
        }
        else if (rank > _count)
        {
            Cut = new MagnitudeCut(0, 1, 1);
        }
        else
        {
            _inside = _count;
            _phase = _count <= Math.Min(WithoutSample, _listLimit) ? Phase.Collect : Phase.Sample;
        }
    }

    private void SelectNothing() => Cut = new MagnitudeCut(AbsoluteMask, 1, 0);

    /// <summary>Takes the order statistics six standard errors around the wanted rank as the bracket.</summary>
    private void CloseSample()
    {
        Span<int> sample = _list.Keys;
        double share = (double)_rank / _count;
        if (_rankOfNonZero is not null)
        {
            int zeros = sample.Count(0);
            share = (double)_rankOfNonZero(sample.Length - zeros) / sample.Length;
        }

        double position = share * sample.Length;
        double margin = 2 + (6 * Math.Sqrt(Math.Max(0, position * (1 - share))));
        int first = (int)Math.Floor(position - margin);
        int last = (int)Math.Ceiling(position + margin);
        int[] copy = ArrayPool<int>.Shared.Rent(sample.Length);
        sample.CopyTo(copy);
        _high = first < 1 ? AbsoluteMask : KeyRank.KthLargest(copy.AsSpan(0, sample.Length), first, 0, AbsoluteMask, out _, out _);
        ArrayPool<int>.Shared.Return(copy);
        _low = last > sample.Length ? 0 : KeyRank.KthLargest(sample, last, 0, AbsoluteMask, out _, out _);
        _fits = false;
        _phase = Phase.Collect;
    }

    private void CloseCollect()
    {
        _above = _list.Above;
        _inside = _list.Inside;
        if (_rank < 0)
        {
            _rank = _rankOfNonZero!(_count - _list.Zeros);
            if (_rank <= 0 || _rank > _count)
            {
                Cut = _rank <= 0 ? new MagnitudeCut(AbsoluteMask, 1, 0) : new MagnitudeCut(0, 1, 1);
                _phase = Phase.Done;
                return;
            }
        }

        if (_rank <= _above)
        {
            _low = _high + 1;
            _high = AbsoluteMask;
            _inside = _above;
            _above = 0;
            Narrowed();
        }
        else if (_rank > _above + _inside)
        {
            _high = _low - 1;
            _low = 0;
            _above += _inside;
            _inside = _count - _above;
            Narrowed();
        }
        else if (_list.Overflowed)
        {
            Narrowed();
        }
        else
        {
            int threshold = KeyRank.KthLargest(_list.Keys, _rank - _above, _low, _high, out long larger, out long equal);
            Finish(threshold, equal, _rank - _above - larger);
        }
    }

    private void CloseHistogram()
    {
        int bin = _histogram!.Length - 1;
        long before = _above;
        while (before + _histogram[bin] < _rank)
            before += _histogram[bin--];
        _above = before;
        _inside = _histogram[bin];
        int low = _low + (bin << _shift);
        _high = (int)Math.Min(_high, (long)low + (1L << _shift) - 1);
        _low = low;
        Narrowed();
    }

    /// <summary>Decides how to go on with the interval, whose counts are known.</summary>
    private void Narrowed()
    {
        _isNarrowed = true;
        _fits = _inside <= _listLimit;
        if (_low == _high)
            Finish(_low, _inside, _rank - _above);
        else
            _phase = _fits ? Phase.Collect : Phase.Histogram;
    }

    private void Finish(int threshold, long ties, long kept)
    {
        Cut = new MagnitudeCut(threshold, ties, kept);
        _phase = Phase.Done;
    }
}
