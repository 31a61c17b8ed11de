using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Execution;

/// <summary>
/// Loops over stored bfloat16. A word of 32 bits holds two elements: shifting left gives the even one as float32, masking
/// the odd one; no shuffles are needed. What does not change in a loop is a vector in a local, so that it stays in a register.
/// </summary>
internal static unsafe class BFloat16Loops
{
    private const ushort Infinity = 0x7F80;
    private const int Step = 16;

    /// <summary>
    /// Combines all elements; false when an input is NaN or infinite (or a result overflows), so that the usual way can say where.
    /// Rounding adds 0x7FFF and the lowest kept bit; with finite inputs no NaN with payload bits below can arise.
    /// </summary>
    /// <param name="origin">The base; the first model when there is none.</param>
    /// <param name="first">The first model.</param>
    /// <param name="second">The second model; the first when there is none.</param>
    /// <param name="output">Room for the result.</param>
    /// <param name="count">The number of elements.</param>
    /// <param name="combine">The arithmetic.</param>
    public static bool Combine<TOperator>(ushort* origin, ushort* first, ushort* second, ushort* output, int count, TOperator combine)
        where TOperator : struct, IElementOperator
    {
        int whole = count & -Step;
        bool finite = CombineWhole(origin, first, second, output, whole, combine);
        return whole == count ? finite : finite & CombineRest(origin + whole, first + whole, second + whole, output + whole, count - whole, combine);
    }

    /// <summary>
    /// Adds a·a, a·b and b·b to three sums; false, with the sums as they were, when something is not finite. Products of
    /// bfloat16 are exact in float32. They are added in float32 lanes for short runs, these in double: a relative error
    /// below 10⁻⁶ at worst. Chunks that are multiples of a run may be cut anywhere with the same result.
    /// </summary>
    public static bool AddProducts(ushort* a, ushort* b, int count, ref double aa, ref double ab, ref double bb)
    {
        const int run = 64 * Step;
        double sumAa = aa, sumAb = ab, sumBb = bb;
        int index = 0;
        for (; index <= count - Step; index += run)
            AddRun(a + index, b + index, Math.Min(run, (count - index) & -Step), ref sumAa, ref sumAb, ref sumBb);
        for (index = count & -Step; index < count; index++)
        {
            double x = Single(a[index]), y = Single(b[index]);
            sumAa += x * x;
            sumAb += x * y;
            sumBb += y * y;
        }

        if (!double.IsFinite(sumAa + sumBb) || !double.IsFinite(sumAb))
            return false;
        (aa, ab, bb) = (sumAa, sumAb, sumBb);
        return true;
    }

    /// <summary>A short run in float32 lanes, even and odd elements apart.</summary>
    private static void AddRun(ushort* a, ushort* b, int count, ref double aa, ref double ab, ref double bb)
    {
        Vector256<uint> odd = Vector256.Create(0xFFFF0000u);
        Vector256<float> aa0 = default, ab0 = default, bb0 = default, aa1 = default, ab1 = default, bb1 = default;
        for (ushort* end = a + count; a < end; a += Step, b += Step)
        {
            Vector256<uint> x = Vector256.Load(a).AsUInt32(), y = Vector256.Load(b).AsUInt32();
            Vector256<float> x0 = (x << 16).AsSingle(), y0 = (y << 16).AsSingle();
            aa0 = Vector256.MultiplyAddEstimate(x0, x0, aa0);
            ab0 = Vector256.MultiplyAddEstimate(x0, y0, ab0);
            bb0 = Vector256.MultiplyAddEstimate(y0, y0, bb0);
            Vector256<float> x1 = (x & odd).AsSingle(), y1 = (y & odd).AsSingle();
            aa1 = Vector256.MultiplyAddEstimate(x1, x1, aa1);
            ab1 = Vector256.MultiplyAddEstimate(x1, y1, ab1);
            bb1 = Vector256.MultiplyAddEstimate(y1, y1, bb1);
        }

        aa += Sum(aa0) + Sum(aa1);
        ab += Sum(ab0) + Sum(ab1);
        bb += Sum(bb0) + Sum(bb1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Sum(Vector256<float> lanes)
    {
        (Vector256<double> low, Vector256<double> high) = Vector256.Widen(lanes);
        return Vector256.Sum(low + high);
    }

    private static float Single(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool CombineWhole<TOperator>(ushort* a, ushort* b, ushort* c, ushort* to, int count, TOperator combine)
        where TOperator : struct, IElementOperator
    {
        TOperator operation = combine;
        Vector256<uint> odd = Vector256.Create(0xFFFF0000u), half = Vector256.Create(0x7FFFu), one = Vector256<uint>.One;
        Vector256<ushort> magnitude = Vector256.Create((ushort)0x7FFF), largest = default;
        nint length = count;
        for (nint index = 0; index < length; index += Step)
        {
            Vector256<uint> x = Vector256.Load(a + index).AsUInt32();
            Vector256<uint> y = Vector256.Load(b + index).AsUInt32();
            Vector256<uint> z = Vector256.Load(c + index).AsUInt32();
            if (!TOperator.ShowsNonFinite)
                largest = Vector256.Max(largest, Vector256.Max(x.AsUInt16() & magnitude, Vector256.Max(y.AsUInt16() & magnitude, z.AsUInt16() & magnitude)));
            Vector256<uint> low = operation.Invoke((x << 16).AsSingle(), (y << 16).AsSingle(), (z << 16).AsSingle()).AsUInt32();
            Vector256<uint> high = operation.Invoke((x & odd).AsSingle(), (y & odd).AsSingle(), (z & odd).AsSingle()).AsUInt32();
            low = low + half + ((low >>> 16) & one);
            high = high + half + ((high >>> 16) & one);
            Vector256<ushort> result = ((low >>> 16) | (high & odd)).AsUInt16();
            if (TOperator.ShowsNonFinite)
                largest = Vector256.Max(largest, result & magnitude);
            result.Store(to + index);
        }

        return !Vector256.GreaterThanOrEqualAny(largest, Vector256.Create(Infinity));
    }

    /// <summary>The last few elements go through a padded copy.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool CombineRest<TOperator>(ushort* a, ushort* b, ushort* c, ushort* to, int count, TOperator combine)
        where TOperator : struct, IElementOperator
    {
        ushort* rest = stackalloc ushort[4 * Step];
        new Span<ushort>(rest, 4 * Step).Clear();
        new ReadOnlySpan<ushort>(a, count).CopyTo(new Span<ushort>(rest, count));
        new ReadOnlySpan<ushort>(b, count).CopyTo(new Span<ushort>(rest + Step, count));
        new ReadOnlySpan<ushort>(c, count).CopyTo(new Span<ushort>(rest + (2 * Step), count));
        bool finite = CombineWhole(rest, rest + Step, rest + (2 * Step), rest + (3 * Step), Step, combine);
        new ReadOnlySpan<ushort>(rest + (3 * Step), count).CopyTo(new Span<ushort>(to, count));
        return finite;
    }
}
