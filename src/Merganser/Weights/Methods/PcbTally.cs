using System.Numerics;
using System.Runtime.Intrinsics;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// What one thread counts of one task's changes: how many lie below the brackets, and the elements inside them.
/// </summary>
internal sealed class PcbTally(PcbBracket bracket, int tasks, int most)
{
    private readonly float _slack = Slack(tasks);
    private float _best = bracket.Ceiling;

    /// <summary>|T| below the bracket of the lower bound, and not above its beginning.</summary>
    public (long Below, long NotAbove) Small { get; private set; }

    /// <summary>|T| equal to the end of the bracket of the lower bound.</summary>
    public long SmallEnds { get; private set; }

    /// <summary>|T| not below the bracket of the upper bound, equal to its beginning, and equal to its end.</summary>
    public (long NotBelow, long Beginnings, long Ends) Large { get; private set; }

    /// <summary>P of 0, and P below the bracket without these.</summary>
    public (long Zeros, long Below) Products { get; private set; }

    /// <summary>|T| inside the bracket of the lower bound.</summary>
    public TallyList Lows { get; } = new(most);

    /// <summary>|T| inside the bracket of the upper bound.</summary>
    public TallyList Highs { get; } = new(most);

    /// <summary>Change and sum where P may be the lower bound.</summary>
    public TallyList Floors { get; } = new(most);

    /// <summary>Change and sum where P may be the greatest.</summary>
    public TallyList Tops { get; } = new(most);

    /// <summary>True when the tally cannot be used.</summary>
    public bool Overflowed => Lows.Overflowed || Highs.Overflowed || Floors.Overflowed || Tops.Overflowed;

    /// <summary>What rounding may shift P by, relatively.</summary>
    public static float Slack(int tasks) => 1e-6f * (tasks + 2);

    /// <summary>Counts a run of changes.</summary>
    public void Observe(ReadOnlySpan<float> changes, ReadOnlySpan<float> sums)
    {
        Vector256<float> lowFrom = Vector256.Create(bracket.LowFrom), lowTo = Vector256.Create(bracket.LowTo), highFrom = Vector256.Create(bracket.HighFrom);
        Vector256<float> floorFrom = Vector256.Create(bracket.FloorFrom), floorTo = Vector256.Create(bracket.FloorTo), n = Vector256.Create((float)tasks);
        Vector256<float> top = Vector256.Create(_best - (_slack * Math.Abs(_best)));
        Vector256<int> below = default, notAbove = default, zeros = default, lower = default;
        for (int i = 0; i < changes.Length; i += Vector256<float>.Count)
        {
            Vector256<float> change = VectorMath.Load(changes, i);
            Vector256<float> sum = VectorMath.Load(sums, i);
            Vector256<float> size = Vector256.Abs(change);
            Vector256<float> isNotAbove = Vector256.LessThanOrEqual(size, lowFrom);
            below -= Vector256.LessThan(size, lowFrom).AsInt32();
            notAbove -= isNotAbove.AsInt32();
            Vector256<float> isKept = Vector256.AndNot(Vector256.LessThanOrEqual(size, lowTo), isNotAbove) | Vector256.GreaterThanOrEqual(size, highFrom);
            uint kept = isKept.ExtractMostSignificantBits();
            if (kept != 0)
                KeepSizes(size, kept);

            Vector256<float> isZero = Vector256.Equals(change * sum, Vector256<float>.Zero);
            (Vector256<float> least, Vector256<float> greatest) = PcbKernel.Bounds(change, sum, bracket, n);
            Vector256<float> isLower = Vector256.LessThan(greatest, floorFrom);
            zeros -= isZero.AsInt32();
            lower -= Vector256.AndNot(isLower, isZero).AsInt32();
            Vector256<float> mayBeFloor = Vector256.AndNot(~(isLower | Vector256.GreaterThan(least, floorTo)), isZero);
            Vector256<float> mayBeTop = Vector256.AndNot(Vector256.GreaterThanOrEqual(greatest, top), isZero);
            if ((mayBeFloor | mayBeTop).ExtractMostSignificantBits() == 0)
                continue;
            Keep(Floors, change, sum, mayBeFloor.ExtractMostSignificantBits());
            uint tops = mayBeTop.ExtractMostSignificantBits();
            if (tops == 0)
                continue;
            Keep(Tops, change, sum, tops);
            for (; tops != 0; tops &= tops - 1)
                _best = Math.Max(_best, least[BitOperations.TrailingZeroCount(tops)]);
            top = Vector256.Create(_best - (_slack * Math.Abs(_best)));
        }

        // The zeros that fill the last vector are not elements.
        int padding = -changes.Length & (Vector256<float>.Count - 1);
        Small = (Small.Below + Vector256.Sum(below) - (bracket.LowFrom > 0 ? padding : 0), Small.NotAbove + Vector256.Sum(notAbove) - padding);
        Products = (Products.Zeros + Vector256.Sum(zeros) - padding, Products.Below + Vector256.Sum(lower));
    }

    /// <summary>Adds counts of P below the bracket and of changes of 0, where the bracket of the lower bound is 0 alone.</summary>
    public void Add(long lower, long zeros)
    {
        Products = (Products.Zeros, Products.Below + lower);
        Small = (Small.Below, Small.NotAbove + zeros);
    }

    /// <summary>Keeps an element as one that may have the bound of P, or the greatest P.</summary>
    public void Keep(float change, float sum, bool isTop) =>
        (isTop ? Tops : Floors).Add(((ulong)BitConverter.SingleToUInt32Bits(change) << 32) | BitConverter.SingleToUInt32Bits(sum));

    /// <summary>Counts a size, if it is not below the bracket of the upper bound.</summary>
    public void TakeLarge(float size)
    {
        if (size >= bracket.HighFrom)
            KeepLarge(size, BitConverter.SingleToUInt32Bits(size));
    }

    private static void Keep(TallyList list, Vector256<float> change, Vector256<float> sum, uint lanes)
    {
        for (; lanes != 0; lanes &= lanes - 1)
        {
            int lane = BitOperations.TrailingZeroCount(lanes);
            list.Add(((ulong)BitConverter.SingleToUInt32Bits(change[lane]) << 32) | BitConverter.SingleToUInt32Bits(sum[lane]));
        }
    }

    private void KeepSizes(Vector256<float> sizes, uint lanes)
    {
        for (; lanes != 0; lanes &= lanes - 1)
        {
            float size = sizes[BitOperations.TrailingZeroCount(lanes)];
            uint key = BitConverter.SingleToUInt32Bits(size);
            if (size < bracket.LowTo)
                Lows.Add(key);
            else if (size == bracket.LowTo)
                SmallEnds++;
            else
                KeepLarge(size, key);
        }
    }

    private void KeepLarge(float size, uint key)
    {
        (long notBelow, long beginnings, long ends) = Large;
        if (size == bracket.HighFrom)
            beginnings++;
        else if (size < bracket.HighTo)
            Highs.Add(key);
        else if (size == bracket.HighTo)
            ends++;
        Large = (notBelow + 1, beginnings, ends);
    }
}
