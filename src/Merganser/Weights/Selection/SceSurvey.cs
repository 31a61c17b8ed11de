using System.Buffers;
using System.Numerics;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>
/// Finds the cut among the variances of two models stored in bfloat16, and the squares of the changes above it, in one look
/// at everything: a sample gives a bracket, what is above is added up, and what is inside is kept until the cut is known.
/// </summary>
internal sealed unsafe class SceSurvey
{
    private const int Parts = 3;
    private readonly List<int> _sample = [];
    private readonly int _mostWords;
    private (int Low, int High) _bracket;
    private SceCounts _counts;

    // Words of the base, then of both models, each from a multiple of _stride.
    private uint[] _words = [];
    private int _stride;
    private int _length;
    private bool _overflowed;

    /// <summary>Prepares; at most <paramref name="mostWords"/> words of two elements are kept.</summary>
    public SceSurvey(int mostWords = 1 << 21) => _mostWords = mostWords;

    /// <summary>True once a chunk was looked at.</summary>
    public bool IsUsed { get; private set; }

    /// <summary>True when there is a bracket.</summary>
    public bool IsReady { get; private set; }

    /// <summary>Σ τ² of the selected positions.</summary>
    public (double First, double Second) Squares => (_counts.FirstSquares, _counts.SecondSquares);

    /// <summary>Keeps variances as part of the sample.</summary>
    public void Sample(ReadOnlySpan<float> variances)
    {
        foreach (float variance in variances)
            _sample.Add(BitConverter.SingleToInt32Bits(variance) & StoredBits.AbsoluteMask);
    }

    /// <summary>Takes the order statistics six standard errors around the cut as the bracket.</summary>
    public void Bracket(double topk)
    {
        int[] sample = [.. _sample];
        _sample.Clear();
        double share = topk * (sample.Length - sample.AsSpan().Count(0)) / sample.Length;
        double position = share * sample.Length;
        double margin = 2 + (6 * Math.Sqrt(Math.Max(0, position * (1 - share))));
        int first = (int)Math.Floor(position - margin), last = (int)Math.Ceiling(position + margin);
        _bracket.High = first < 1 ? StoredBits.AbsoluteMask : KeyRank.KthLargest([.. sample], first, 0, StoredBits.AbsoluteMask, out _, out _);
        _bracket.Low = last > sample.Length ? 0 : KeyRank.KthLargest(sample, last, 0, StoredBits.AbsoluteMask, out _, out _);
        IsReady = true;
    }

    /// <summary>Makes everything count as above: without a selection.</summary>
    public void SelectAll()
    {
        _bracket = (0, -1);
        IsReady = true;
    }

    /// <summary>Looks at the next chunk.</summary>
    public void Observe(ushort* origin, ushort* first, ushort* second, int count)
    {
        IsUsed = true;
        ushort* rest = stackalloc ushort[Parts * StoredBits.Width];
        for (int start = 0; start < count; start += SceKernel.BlockElements)
        {
            int part = Math.Min(SceKernel.BlockElements, count - start), whole = part & -StoredBits.Width;
            Observe(origin + start, first + start, second + start, whole, 0);
            if (whole == part)
                continue;
            StoredRest.Copy(origin + start, first + start, second + start, whole, part, rest);
            Observe(rest, rest + StoredBits.Width, rest + (2 * StoredBits.Width), StoredBits.Width, StoredBits.Width - part + whole);
        }
    }

    /// <summary>Finds the cut; null when the bracket missed it or held too much.</summary>
    public TieCut? Resolve(long rank)
    {
        if (rank <= 0)
        {
            _counts.FirstSquares = _counts.SecondSquares = 0;
            return new TieCut(StoredBits.AbsoluteMask, 1, 0);
        }

        int[] keys = ArrayPool<int>.Shared.Rent((2 * _length) + (2 * Vector256<int>.Count) + LanePacker.Spare);
        int inside = 0;
        TieCut? cut = null;
        if (!_overflowed && rank > _counts.Above && rank <= _counts.Above + (inside = Inside(keys)))
        {
            int threshold = KeyRank.KthLargest(keys.AsSpan(0, inside), rank - _counts.Above, _bracket.Low, _bracket.High, out long larger, out long equal);
            long taken = rank - _counts.Above - larger;
            AddSquares(threshold, taken);
            cut = new TieCut(threshold, equal, taken);
        }

        ArrayPool<int>.Shared.Return(keys);
        return cut;
    }

    /// <summary>The number of variances that are not 0.</summary>
    public long Varied(long count) => count - _counts.Zeros;

    /// <summary>Gives the memory back.</summary>
    public void Release()
    {
        if (_words.Length > 0)
            ArrayPool<uint>.Shared.Return(_words);
        _words = [];
        _length = 0;
    }

    private void Observe(ushort* origin, ushort* first, ushort* second, int count, int padding)
    {
        Reserve();
        fixed (uint* words = _words)
            _length += SceKernel.Survey(origin, first, second, count, _bracket, ref _counts, words + _length, _stride);
        _counts.Zeros -= padding;
    }

    private void Reserve()
    {
        const int most = (SceKernel.BlockElements / 2) + LanePacker.Spare;
        if (_length > _mostWords)
        {
            _overflowed = true;
            _length = 0;
        }

        if (_length + most <= _stride)
            return;
        int stride = Math.Max(1 << 15, 2 * _stride);
        uint[] longer = ArrayPool<uint>.Shared.Rent(Parts * stride);
        for (int part = 0; part < Parts; part++)
            _words.AsSpan(part * _stride, _length).CopyTo(longer.AsSpan(part * stride));
        int length = _length;
        Release();
        _length = length;
        _words = longer;
        _stride = stride;
    }

    /// <summary>The variances of the kept elements that lie inside the bracket.</summary>
    private int Inside(int[] keys)
    {
        int count = 0;
        Vector256<int> low = Vector256.Create(_bracket.Low), high = Vector256.Create(_bracket.High);
        fixed (int* list = keys)
        {
            for (int index = 0; index < _length; index += Vector256<int>.Count)
            {
                for (int half = 0; half < 2; half++)
                {
                    Vector256<int> key = Changes(index, half, out _, out _);
                    uint inside = ~(Vector256.GreaterThan(key, high) | Vector256.GreaterThan(low, key)).ExtractMostSignificantBits() & Valid(index);
                    LanePacker.Pack(key, inside).Store(list + count);
                    count += BitOperations.PopCount(inside);
                }
            }
        }

        return count;
    }

    private void AddSquares(int threshold, long taken)
    {
        Vector256<int> cut = Vector256.Create(threshold), high = Vector256.Create(_bracket.High);
        Vector256<double> sum1 = default, sum2 = default;
        for (int index = 0; index < _length; index += Vector256<int>.Count)
        {
            Vector256<int> even = Changes(index, 0, out Vector256<float> even1, out Vector256<float> even2);
            Vector256<int> odd = Changes(index, 1, out Vector256<float> odd1, out Vector256<float> odd2);
            Vector256<float> evenIn = Vector256.AndNot(Vector256.GreaterThan(even, cut), Vector256.GreaterThan(even, high)).AsSingle();
            Vector256<float> oddIn = Vector256.AndNot(Vector256.GreaterThan(odd, cut), Vector256.GreaterThan(odd, high)).AsSingle();
            uint valid = Valid(index);
            uint evenTies = Vector256.Equals(even, cut).ExtractMostSignificantBits() & valid, oddTies = Vector256.Equals(odd, cut).ExtractMostSignificantBits() & valid;
            if (valid == 0xFF)
            {
                Vector256<float> squares1 = (even1 * even1 & evenIn) + (odd1 * odd1 & oddIn), squares2 = (even2 * even2 & evenIn) + (odd2 * odd2 & oddIn);
                sum1 += Vector256.WidenLower(squares1) + Vector256.WidenUpper(squares1);
                sum2 += Vector256.WidenLower(squares2) + Vector256.WidenUpper(squares2);
            }
            else
            {
                for (int lane = 0; (valid >> lane & 1) != 0; lane++)
                {
                    Add(even1[lane], even2[lane], even[lane] > threshold && even[lane] <= _bracket.High);
                    Add(odd1[lane], odd2[lane], odd[lane] > threshold && odd[lane] <= _bracket.High);
                }
            }

            for (int lane = 0; taken > 0 && (evenTies | oddTies) >> lane != 0; lane++)
            {
                if ((evenTies >> lane & 1) != 0 && taken-- > 0)
                    Add(even1[lane], even2[lane], true);
                if ((oddTies >> lane & 1) != 0 && taken > 0 && taken-- > 0)
                    Add(odd1[lane], odd2[lane], true);
            }
        }

        _counts.FirstSquares += Vector256.Sum(sum1);
        _counts.SecondSquares += Vector256.Sum(sum2);
    }

    private void Add(float first, float second, bool counts)
    {
        if (!counts)
            return;
        _counts.FirstSquares += first * first;
        _counts.SecondSquares += second * second;
    }

    /// <summary>The lanes that are filled.</summary>
    private uint Valid(int index) => _length - index >= Vector256<int>.Count ? 0xFF : (1u << (_length - index)) - 1;

    private Vector256<int> Changes(int index, int half, out Vector256<float> first, out Vector256<float> second)
    {
        ref uint words = ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(_words);
        Vector256<uint> b = Vector256.LoadUnsafe(ref words, (nuint)index), x = Vector256.LoadUnsafe(ref words, (nuint)(_stride + index)), y = Vector256.LoadUnsafe(ref words, (nuint)((2 * _stride) + index));
        first = half == 0 ? StoredBits.Even(x) : StoredBits.Odd(x);
        second = half == 0 ? StoredBits.Even(y) : StoredBits.Odd(y);
        return SceKernel.Key(half == 0 ? StoredBits.Even(b) : StoredBits.Odd(b), ref first, ref second);
    }
}
