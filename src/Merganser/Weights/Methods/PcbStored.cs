using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// The survey of the <c>main</c> variant over a base and two models stored in bfloat16. Almost every element is decided by rough
/// bounds of its P; only those that the bounds leave open, or that may be extreme, are looked at again one by one.
/// </summary>
internal static unsafe class PcbStored
{
    /// <summary>By how much, relatively, a rough P may be wrong: 6·10⁻⁴ from the exponential function, 4·10⁻⁴ from the tangent, the rest to be safe.</summary>
    public const float Slack = 1.2e-3f;

    /// <summary>Greatest product of change and sum whose tangent is near enough to it.</summary>
    public const float MostNear = 1f / 32;

    /// <summary>Elements whose open vectors are noted before they are looked at again.</summary>
    private const int Block = 1 << 15;

    /// <summary>Counts a run of elements, a whole number of vectors.</summary>
    public static void Observe(ushort* origin, ushort* first, ushort* second, int count, PcbStoredTally one, PcbStoredTally two)
    {
        int* open = stackalloc int[Block / StoredBits.Width];
        for (int start = 0; start < count; start += Block)
        {
            int part = Math.Min(Block, count - start);
            int found = Count(origin + start, first + start, second + start, part, one, two, open);
            PcbLimits limits1 = one.Limits(), limits2 = two.Limits();
            for (int i = 0; i < found; i++)
                Again(origin + start + open[i], first + start + open[i], second + start + open[i], one, two, limits1, limits2);
        }
    }

    /// <summary>Counts what rough bounds decide, and notes the vectors with elements that they leave open.</summary>
    private static int Count(ushort* origin, ushort* first, ushort* second, int count, PcbStoredTally one, PcbStoredTally two, int* open)
    {
        PcbLimits limits1 = one.Limits(), limits2 = two.Limits();
        Vector256<int> lower1 = default, lower2 = default;
        Vector256<short> zeros1 = default, zeros2 = default;
        int found = 0;
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<uint> b = Vector256.Load(origin + index).AsUInt32(), x = Vector256.Load(first + index).AsUInt32(), y = Vector256.Load(second + index).AsUInt32();

            // Zeros of different sign are missed here; with too few zeros the survey is given up, so that does no harm.
            zeros1 -= Vector256.Equals(b.AsInt16(), x.AsInt16());
            zeros2 -= Vector256.Equals(b.AsInt16(), y.AsInt16());
            Vector256<float> base0 = StoredBits.Even(b), base1 = StoredBits.Odd(b);
            Vector256<float> x0 = StoredBits.Even(x) - base0, x1 = StoredBits.Odd(x) - base1, y0 = StoredBits.Even(y) - base0, y1 = StoredBits.Odd(y) - base1;
            Vector256<float> sum0 = x0 + y0, sum1 = x1 + y1;
            Vector256<float> any = Look(x0, sum0, limits1, out Vector256<float> below0) | Look(x1, sum1, limits1, out Vector256<float> below1);
            lower1 -= below0.AsInt32() + below1.AsInt32();
            any |= Look(y0, sum0, limits2, out below0) | Look(y1, sum1, limits2, out below1);
            lower2 -= below0.AsInt32() + below1.AsInt32();
            open[found] = index;
            found += any.ExtractMostSignificantBits() == 0 ? 0 : 1;
        }

        one.Count(Vector256.Sum(lower1), Sum(zeros1));
        two.Count(Vector256.Sum(lower2), Sum(zeros2));
        return found;
    }

    private static int Sum(Vector256<short> counts)
    {
        (Vector256<int> low, Vector256<int> high) = Vector256.Widen(counts);
        return Vector256.Sum(low + high);
    }

    /// <summary>Says what is surely below the bracket, wherever the upper bound of |T| lies, and what must be looked at again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Look(Vector256<float> change, Vector256<float> sum, in PcbLimits limits, out Vector256<float> isLower)
    {
        Vector256<float> norm = change * limits.Root;
        Vector256<float> power = norm * norm;
        Vector256<float> most = change * sum * PcbSmall.RoughExp(power);

        // What the bounds of |T| take from P at most is a factor; multiplying the limit by it spares a second P.
        isLower = Vector256.LessThan(most, Vector256.MinNative(limits.FromAtMost, Vector256.MultiplyAddEstimate(power, limits.FromSlope, limits.FromAtLeast)));
        Vector256<float> isNotUpper = Vector256.LessThanOrEqual(most, Vector256.MaxNative(limits.ToAtMost, Vector256.MultiplyAddEstimate(power, limits.ToSlope, limits.ToAtLeast)));
        return Vector256.AndNot(isNotUpper, isLower) | Vector256.GreaterThanOrEqual(most, limits.Top) | Vector256.GreaterThanOrEqual(power, limits.Large);
    }

    private static void Again(ushort* origin, ushort* first, ushort* second, PcbStoredTally one, PcbStoredTally two, in PcbLimits limits1, in PcbLimits limits2)
    {
        Vector256<uint> b = Vector256.Load(origin).AsUInt32(), x = Vector256.Load(first).AsUInt32(), y = Vector256.Load(second).AsUInt32();
        Vector256<float> base0 = StoredBits.Even(b), base1 = StoredBits.Odd(b);
        Vector256<float> x0 = StoredBits.Even(x) - base0, x1 = StoredBits.Odd(x) - base1, y0 = StoredBits.Even(y) - base0, y1 = StoredBits.Odd(y) - base1;
        Vector256<float> sum0 = x0 + y0, sum1 = x1 + y1;
        Again(x0, sum0, one, limits1);
        Again(x1, sum1, one, limits1);
        Again(y0, sum0, two, limits2);
        Again(y1, sum1, two, limits2);
    }

    private static void Again(Vector256<float> change, Vector256<float> sum, PcbStoredTally tally, in PcbLimits limits)
    {
        uint open = Look(change, sum, limits, out Vector256<float> isLower).ExtractMostSignificantBits();
        if (open == 0)
            return;
        Vector256<float> norm = change * limits.Root;
        Vector256<float> power = norm * norm;
        Vector256<float> most = change * sum * PcbSmall.RoughExp(power);
        uint extreme = (Vector256.GreaterThanOrEqual(most, limits.Top) | Vector256.GreaterThanOrEqual(power, limits.Large)).ExtractMostSignificantBits();
        if (extreme != 0)
            Take(change, sum, extreme, isLower.ExtractMostSignificantBits(), tally, limits);
        for (open &= ~extreme; open != 0; open &= open - 1)
        {
            int lane = BitOperations.TrailingZeroCount(open);
            tally.Keep(change[lane], sum[lane]);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Take(Vector256<float> change, Vector256<float> sum, uint open, uint counted, PcbStoredTally tally, in PcbLimits limits)
    {
        Vector256<float> norm = PcbSmall.Clamp(change, limits.High) * limits.Root;
        Vector256<float> power = norm * norm;
        Vector256<float> most = PcbSmall.Inter(change * sum) * PcbSmall.Exp(power);
        Vector256<float> least = most * Vector256.MultiplyAddEstimate(power, limits.Spread * Vector256.Create(1.0001f), Vector256<float>.One);
        for (; open != 0; open &= open - 1)
        {
            int lane = BitOperations.TrailingZeroCount(open);
            tally.Take(change[lane], sum[lane], least[lane], most[lane], (counted >> lane & 1) != 0);
        }
    }
}

/// <summary>The limits of a tally as vectors.</summary>
internal struct PcbLimits
{
    /// <summary>Of <see cref="PcbSmall"/>, at least as large as the one that will be found.</summary>
    public Vector256<float> Root;

    /// <summary>The bound of |T| that belongs to it.</summary>
    public Vector256<float> High;

    /// <summary>Minus the share of the power by which it may be smaller.</summary>
    public Vector256<float> Spread;

    /// <summary>Where the bracket of P's bound begins, for the greatest and for the least P that the bounds of |T| allow.</summary>
    public Vector256<float> FromAtMost;
    public Vector256<float> FromAtLeast;

    /// <summary>What a power of 1 adds to the limit for the least P when the greatest is compared with it instead.</summary>
    public Vector256<float> FromSlope;

    /// <summary>Where it ends.</summary>
    public Vector256<float> ToAtMost;
    public Vector256<float> ToAtLeast;
    public Vector256<float> ToSlope;
    public Vector256<float> Top;

    /// <summary>The power from which on a size may be the upper bound of |T|.</summary>
    public Vector256<float> Large;
}
