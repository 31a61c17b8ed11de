using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>The inner loops of the <c>main</c> variant of PCB-Merging.</summary>
internal static class PcbKernel
{
    /// <summary>One over a range, 0 when there is none.</summary>
    public static float Inverse(float range) => range > 0 ? Math.Min(1 / range, float.MaxValue) : 0;

    /// <summary>P of eight changes beside the sums of all tasks' changes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Product(Vector256<float> change, Vector256<float> sum, Vector256<float> low, Vector256<float> inverse, Vector256<float> tasks)
    {
        Vector256<float> norm = Norm(Vector256.Abs(change), low, inverse);
        return VectorMath.Tanh(change * sum) * VectorMath.Exp(norm * norm * tasks);
    }

    /// <summary>P of many changes.</summary>
    public static void Products(ReadOnlySpan<float> changes, ReadOnlySpan<float> sums, float low, float high, int tasks, Span<float> products)
    {
        Vector256<float> lows = Vector256.Create(low), inverse = Vector256.Create(Inverse(high - low)), n = Vector256.Create((float)tasks);
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

        // e^(x − d) ≥ eˣ·(1 − d) spares a second exponential function.
        Vector256<float> share = Vector256.Max(Vector256<float>.Zero, Vector256<float>.One - (power - (least * least * tasks)));
        Vector256<float> outer = VectorMath.Tanh(change * sum) * VectorMath.Exp(power);
        Vector256<float> inner = outer * share;
        return (Vector256.Min(outer, inner), Vector256.Max(outer, inner));
    }

    /// <summary>Adds one task's part: <c>output += λ·C·S</c>, <c>total += S</c>.</summary>
    public static void Accumulate(
        ReadOnlySpan<float> changes, ReadOnlySpan<float> sums, (float Low, float High) clamp, (float Floor, float Ceiling) bounds, float lambda, int tasks, Span<float> output, Span<float> total)
    {
        Vector256<float> low = Vector256.Create(clamp.Low), high = Vector256.Create(clamp.High), inverse = Vector256.Create(Inverse(clamp.High - clamp.Low));
        Vector256<float> n = Vector256.Create((float)tasks), factor = Vector256.Create(lambda);
        Vector256<float> floor = Vector256.Create(bounds.Floor), share = Vector256.Create(Inverse(bounds.Ceiling - bounds.Floor));
        for (int i = 0; i < changes.Length; i += Vector256<float>.Count)
        {
            Vector256<float> change = VectorMath.Load(changes, i);
            Vector256<float> scale = Norm(Product(change, VectorMath.Load(sums, i), low, inverse, n), floor, share);
            Vector256<float> clamped = Vector256.CopySign(Vector256.Min(Vector256.Max(Vector256.Abs(change), low), high), change);
            clamped = Vector256.AndNot(clamped, Vector256.Equals(change, Vector256<float>.Zero));
            VectorMath.Store(VectorMath.Load(output, i) + (clamped * scale * factor), output, i);
            VectorMath.Store(VectorMath.Load(total, i) + scale, total, i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Norm(Vector256<float> value, Vector256<float> low, Vector256<float> inverse) =>
        Vector256.Min(Vector256.Max((value - low) * inverse, Vector256<float>.Zero), Vector256<float>.One);
}
