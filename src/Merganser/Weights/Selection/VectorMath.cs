using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>Elementary functions on eight float32 at once, with a relative error of at most about 2·10⁻⁷.</summary>
internal static class VectorMath
{
    /// <summary>Below it the power series of the hyperbolic tangent is used, so that tiny arguments lose nothing.</summary>
    private const float SeriesLimit = 0.625f;

    /// <summary>Beyond it the hyperbolic tangent rounds to 1.</summary>
    private const float Saturation = 10;

    /// <summary>The elements from an index on, zeros beyond the end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(ReadOnlySpan<float> values, int index) =>
        index + Vector256<float>.Count <= values.Length ? Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(values), (nuint)index) : LoadEnd(values[index..]);

    /// <summary>Writes as many elements as there is room for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> vector, Span<float> values, int index)
    {
        if (index + Vector256<float>.Count <= values.Length)
            vector.StoreUnsafe(ref MemoryMarshal.GetReference(values), (nuint)index);
        else
            StoreEnd(vector, values[index..]);
    }

    /// <summary>eˣ for arguments from −87 to 88; the values at those ends stand for everything beyond.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        x = Vector256.Min(Vector256.Max(x, Vector256.Create(-87f)), Vector256.Create(88f));

        // x = k·ln 2 + r with |r| ≤ ln 2 / 2; ln 2 in two parts, the first with trailing zeros so that k times it is exact.
        Vector256<float> k = Vector256.Round(x * 1.44269504f);
        Vector256<float> r = Vector256.MultiplyAddEstimate(k, Vector256.Create(-0.693359375f), x);
        r = Vector256.MultiplyAddEstimate(k, Vector256.Create(2.12194440e-4f), r);
        Vector256<float> p = Vector256.Create(0.00139261759f);
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.00836317334f));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.0416665561f));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.166665778f));
        p = Vector256.MultiplyAddEstimate(p, r, Vector256.Create(0.5f));
        p = Vector256.MultiplyAddEstimate(p, r * r, r) + Vector256<float>.One;
        Vector256<int> power = (Vector256.ConvertToInt32(k) + Vector256.Create(127)) << 23;
        return p * power.AsSingle();
    }

    /// <summary>The hyperbolic tangent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Tanh(Vector256<float> x)
    {
        Vector256<float> z = x * x;
        Vector256<float> p = Vector256.Create(-0.00609671418f);
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(0.0209971797f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(-0.0538509078f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(0.133327693f));
        p = Vector256.MultiplyAddEstimate(p, z, Vector256.Create(-0.333333284f));
        Vector256<float> near = Vector256.MultiplyAddEstimate(p * z, x, x);
        Vector256<float> size = Vector256.Abs(x);
        Vector256<float> isFar = Vector256.GreaterThanOrEqual(size, Vector256.Create(SeriesLimit));
        if (isFar.ExtractMostSignificantBits() == 0)
            return near;
        return Vector256.ConditionalSelect(isFar, TanhOfLarge(x), near);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<float> TanhOfLarge(Vector256<float> x)
    {
        Vector256<float> size = Vector256.Min(Vector256.Abs(x), Vector256.Create(Saturation));
        return Vector256.CopySign(Vector256<float>.One - (Vector256.Create(2f) / (Exp(size + size) + Vector256<float>.One)), x);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<float> LoadEnd(ReadOnlySpan<float> values)
    {
        Span<float> padded = stackalloc float[Vector256<float>.Count];
        padded.Clear();
        values.CopyTo(padded);
        return Vector256.Create<float>(padded);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreEnd(Vector256<float> vector, Span<float> values)
    {
        for (int lane = 0; lane < values.Length; lane++)
            values[lane] = vector[lane];
    }
}
