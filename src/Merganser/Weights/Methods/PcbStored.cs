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
    /// <summary>By how much, relatively, a rough P may be wrong.</summary>
    public const float Slack = 2e-3f;

    /// <summary>Products of change and sum beyond it are always looked at again.</summary>
    private const float MostNear = 1f / 16;

    /// <summary>Counts a run of elements, a whole number of vectors.</summary>
    public static void Observe(ushort* origin, ushort* first, ushort* second, int count, PcbStoredTally one, PcbStoredTally two)
    {
        PcbLimits limits1 = one.Limits(), limits2 = two.Limits();
        Vector256<int> lower1 = default, lower2 = default, zeros1 = default, zeros2 = default;
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<uint> b = Vector256.Load(origin + index).AsUInt32(), x = Vector256.Load(first + index).AsUInt32(), y = Vector256.Load(second + index).AsUInt32();
            Vector256<float> base0 = StoredBits.Even(b), base1 = StoredBits.Odd(b);
            Vector256<float> x0 = StoredBits.Even(x) - base0, x1 = StoredBits.Odd(x) - base1, y0 = StoredBits.Even(y) - base0, y1 = StoredBits.Odd(y) - base1;
            Vector256<float> sum0 = x0 + y0, sum1 = x1 + y1;
            Vector256<float> open1 = Look(x0, sum0, limits1, ref lower1, ref zeros1) | Look(x1, sum1, limits1, ref lower1, ref zeros1);
            Vector256<float> open2 = Look(y0, sum0, limits2, ref lower2, ref zeros2) | Look(y1, sum1, limits2, ref lower2, ref zeros2);
            if ((open1 | open2).ExtractMostSignificantBits() == 0)
                continue;
            if (open1.ExtractMostSignificantBits() != 0)
                Again(x0, x1, sum0, sum1, one, ref limits1);
            if (open2.ExtractMostSignificantBits() != 0)
                Again(y0, y1, sum0, sum1, two, ref limits2);
        }

        one.Count(Vector256.Sum(lower1), Vector256.Sum(zeros1));
        two.Count(Vector256.Sum(lower2), Vector256.Sum(zeros2));
    }

    /// <summary>Counts what is below the bracket and says what must be looked at again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Look(Vector256<float> change, Vector256<float> sum, in PcbLimits limits, ref Vector256<int> lower, ref Vector256<int> zeros)
    {
        Vector256<float> size = Vector256.Abs(change);
        Vector256<float> product = change * sum;
        Vector256<float> norm = Vector256.MinNative(limits.Cap, size * limits.Inverse);
        Vector256<float> power = norm * norm;
        Vector256<float> most = product * PcbKernel.RoughExp2(power);
        Vector256<float> least = most * Vector256.MultiplyAddEstimate(power, limits.Spread, Vector256<float>.One);
        Vector256<float> isLower = Vector256.LessThan(most, limits.From);
        lower -= isLower.AsInt32();
        zeros -= Vector256.Equals(size, Vector256<float>.Zero).AsInt32();
        return Vector256.AndNot(Vector256.LessThanOrEqual(least, limits.To), isLower)
            | Vector256.GreaterThanOrEqual(most, limits.Top) | Vector256.GreaterThanOrEqual(size, limits.Large) | Vector256.GreaterThan(product, Vector256.Create(MostNear));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Again(Vector256<float> change0, Vector256<float> change1, Vector256<float> sum0, Vector256<float> sum1, PcbStoredTally tally, ref PcbLimits limits)
    {
        Vector256<int> unused = default;
        Again(change0, sum0, Look(change0, sum0, limits, ref unused, ref unused).ExtractMostSignificantBits(), tally, limits);
        Again(change1, sum1, Look(change1, sum1, limits, ref unused, ref unused).ExtractMostSignificantBits(), tally, limits);
        limits = limits.With(tally.Best);
    }

    private static void Again(Vector256<float> change, Vector256<float> sum, uint open, PcbStoredTally tally, in PcbLimits limits)
    {
        if (open == 0)
            return;
        Vector256<float> norm = Vector256.MinNative(limits.Cap, Vector256.Abs(change) * limits.Inverse);
        Vector256<float> power = norm * norm;
        Vector256<float> product = change * sum;
        Vector256<float> rough = product * PcbKernel.RoughExp2(power);
        Vector256<float> most = PcbKernel.Tanh(product) * PcbKernel.Exp2(power);
        Vector256<float> least = most * Vector256.MultiplyAddEstimate(power, limits.Spread, Vector256<float>.One);
        for (; open != 0; open &= open - 1)
        {
            int lane = BitOperations.TrailingZeroCount(open);
            bool isCounted = rough[lane] < limits.From[0];
            tally.Take(change[lane], sum[lane], least[lane], most[lane], isCounted);
        }
    }
}

/// <summary>The limits of a tally as vectors.</summary>
internal struct PcbLimits
{
    public Vector256<float> Inverse;
    public Vector256<float> Cap;

    /// <summary>Minus the share of the power by which it may be smaller, times ln 2.</summary>
    public Vector256<float> Spread;
    public Vector256<float> From;
    public Vector256<float> To;
    public Vector256<float> Top;
    public Vector256<float> Large;

    /// <summary>The same with another greatest P.</summary>
    public readonly PcbLimits With(float best) => this with { Top = Vector256.Create(best * (1 - PcbStored.Slack)) };
}
