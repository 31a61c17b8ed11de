using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>The inner loops of the <c>main</c> variant of PCB-Merging.</summary>
internal static class PcbKernel
{
    /// <summary>One over a range, 0 when there is none.</summary>
    public static float Inverse(float range) => range > 0 ? Math.Min(1 / range, float.MaxValue) : 0;

    /// <summary>The exponent of intra at a norm of 1, to the base 2.</summary>
    public static float Power(int tasks) => tasks * 1.44269504f;

    /// <summary>P of eight changes beside the sums of all tasks' changes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Product(Vector256<float> change, Vector256<float> sum, Vector256<float> low, Vector256<float> inverse, Vector256<float> power)
    {
        Vector256<float> norm = Norm(Vector256.Abs(change), low, inverse);
        return Tanh(change * sum) * Exp2(norm * norm * power);
    }

    /// <summary>2ˣ for x from 0 to 127, with a relative error of about 10⁻⁷.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp2(Vector256<float> x)
    {
        // Adding 1.5·2²³ leaves the nearest integer in the lowest bits.
        Vector256<float> shifted = x + Vector256.Create(12582912f);
        Vector256<float> r = x - (shifted - Vector256.Create(12582912f));
        Vector256<float> p = Vector256.Create(0.00133908634f);
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.00967603192f));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.0555035711f));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.240221075f));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.693147188f));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256<float>.One);
        return (p.AsInt32() + (shifted.AsInt32() << 23)).AsSingle();
    }

    /// <summary>The hyperbolic tangent, cheap for small arguments; a lane's result does not depend on the others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Tanh(Vector256<float> x)
    {
        Vector256<float> z = x * x;
        Vector256<float> p = Vector256.MultiplyAddEstimate(z, Vector256.Create(0.133333333f), Vector256.Create(-0.333333333f));
        Vector256<float> near = Vector256.MultiplyAddEstimate(p * z, x, x);
        Vector256<float> isFar = Vector256.GreaterThan(z, Vector256.Create(1f / 512));
        return isFar.ExtractMostSignificantBits() == 0 ? near : Vector256.ConditionalSelect(isFar, FarTanh(x), near);
    }

    /// <summary>One task's coefficient and its part of the sum, λ·C·S.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Scale, Vector256<float> Part) Weigh(Vector256<float> change, Vector256<float> sum, in PcbWeighing by)
    {
        if (by.IsSmall)
        {
            Vector256<float> near = PcbSmall.Clamp(change, by.High);
            Vector256<float> small = PcbSmall.Scale(PcbSmall.Inter(change * sum) * PcbSmall.Intra(near, by.Root), by);
            return (small, near * small * by.Factor);
        }

        Vector256<float> scale = Norm(Product(change, sum, by.Low, by.Inverse, by.Power), by.Floor, by.Share);
        Vector256<float> clamped = Vector256.CopySign(Vector256.MinNative(by.High, Vector256.MaxNative(by.Low, Vector256.Abs(change))), change);
        clamped = Vector256.AndNot(clamped, Vector256.Equals(change, Vector256<float>.Zero));
        return (scale, clamped * scale * by.Factor);
    }

    /// <summary>P of many changes.</summary>
    public static void Products(ReadOnlySpan<float> changes, ReadOnlySpan<float> sums, float low, float high, int tasks, Span<float> products)
    {
        if (PcbSmall.Suits(tasks, low))
        {
            SmallProducts(changes, sums, Vector256.Create(high), Vector256.Create(PcbSmall.Root(tasks, Inverse(high))), products);
            return;
        }

        Vector256<float> lows = Vector256.Create(low), inverse = Vector256.Create(Inverse(high - low)), n = Vector256.Create(Power(tasks));
        for (int i = 0; i < changes.Length; i += Vector256<float>.Count)
            VectorMath.Store(Product(VectorMath.Load(changes, i), VectorMath.Load(sums, i), lows, inverse, n), products, i);
    }

    /// <summary>The least and the greatest P that bounds of |T| within their brackets allow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<float> Low, Vector256<float> High) Bounds(Vector256<float> change, Vector256<float> sum, in PcbBracket bracket, Vector256<float> tasks)
    {
        Vector256<float> size = Vector256.Abs(change);
        Vector256<float> most = Norm(size, Vector256.Create(bracket.LowFrom), Vector256.Create(bracket.MostInverse));
        Vector256<float> least = Norm(size, Vector256.Create(bracket.LowTo), Vector256.Create(bracket.LeastInverse));
        Vector256<float> power = most * most * tasks;

        // e^(x − d) ≥ eˣ·(1 − d + d²/2 − d³/6) spares a second exponential function, and is next to equal for small d.
        Vector256<float> d = power - (least * least * tasks);
        Vector256<float> share = Vector256<float>.One - (d * (Vector256<float>.One - (d * (Vector256.Create(0.5f) - (d * Vector256.Create(0.16666667f))))));
        share = Vector256.Max(Vector256<float>.Zero, share);
        Vector256<float> outer = VectorMath.Tanh(change * sum) * VectorMath.Exp(power);
        Vector256<float> inner = outer * share;
        return (Vector256.Min(outer, inner), Vector256.Max(outer, inner));
    }

    /// <summary>Adds one task's part: <c>output += λ·C·S</c>, <c>total += S</c>.</summary>
    public static void Accumulate(ReadOnlySpan<float> changes, ReadOnlySpan<float> sums, in PcbWeighing by, Span<float> output, Span<float> total)
    {
        for (int i = 0; i < changes.Length; i += Vector256<float>.Count)
        {
            (Vector256<float> scale, Vector256<float> part) = Weigh(VectorMath.Load(changes, i), VectorMath.Load(sums, i), by);
            VectorMath.Store(VectorMath.Load(output, i) + part, output, i);
            VectorMath.Store(VectorMath.Load(total, i) + scale, total, i);
        }
    }

    private static void SmallProducts(ReadOnlySpan<float> changes, ReadOnlySpan<float> sums, Vector256<float> high, Vector256<float> root, Span<float> products)
    {
        for (int i = 0; i < changes.Length; i += Vector256<float>.Count)
        {
            Vector256<float> change = VectorMath.Load(changes, i);
            VectorMath.Store(PcbSmall.Inter(change * VectorMath.Load(sums, i)) * PcbSmall.Intra(PcbSmall.Clamp(change, high), root), products, i);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<float> FarTanh(Vector256<float> x) => VectorMath.Tanh(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Norm(Vector256<float> value, Vector256<float> low, Vector256<float> inverse) =>
        Vector256.MinNative(Vector256<float>.One, Vector256.MaxNative(Vector256<float>.Zero, (value - low) * inverse));
}

/// <summary>What the coefficients of one task follow from, as vectors.</summary>
internal readonly struct PcbWeighing((float Low, float High) clamp, (float Floor, float Ceiling) bounds, float lambda, int tasks)
{
    public readonly Vector256<float> Low = Vector256.Create(clamp.Low);
    public readonly Vector256<float> High = Vector256.Create(clamp.High);
    public readonly Vector256<float> Inverse = Vector256.Create(PcbKernel.Inverse(clamp.High - clamp.Low));
    public readonly Vector256<float> Power = Vector256.Create(PcbKernel.Power(tasks));
    public readonly Vector256<float> Floor = Vector256.Create(bounds.Floor);

    // Without a range the task counts nothing.
    public readonly Vector256<float> Share = Vector256.Create(PcbKernel.Inverse(bounds.Ceiling - bounds.Floor));
    public readonly Vector256<float> Factor = Vector256.Create(lambda);

    /// <summary>Of <see cref="PcbSmall"/>.</summary>
    public readonly Vector256<float> Root = Vector256.Create(PcbSmall.Root(tasks, PcbKernel.Inverse(clamp.High)));

    /// <summary>True when <see cref="PcbSmall"/> serves.</summary>
    public readonly bool IsSmall = PcbSmall.Suits(tasks, clamp.Low);

    /// <summary>True when P below 0 counts nothing.</summary>
    public readonly bool IsPositive = bounds.Floor >= 0;
}
