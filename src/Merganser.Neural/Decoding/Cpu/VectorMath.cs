using System.Numerics.Tensors;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>The small steps between two products.</summary>
internal static class VectorMath
{
    /// <summary>x·weight/√(mean(x²) + ε).</summary>
    public static void RmsNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, double epsilon, Span<float> result)
    {
        float scale = (float)(1 / Math.Sqrt((TensorPrimitives.SumOfSquares(x) / x.Length) + epsilon));
        TensorPrimitives.Multiply(x, scale, result);
        TensorPrimitives.Multiply(result, weight, result);
    }

    /// <summary>Rotates the pairs (m, m + r/2) of the first r dimensions, r twice the number of cosines.</summary>
    public static void Rotate(Span<float> head, ReadOnlySpan<float> cos, ReadOnlySpan<float> sin)
    {
        Span<float> low = head[..cos.Length], high = head.Slice(cos.Length, cos.Length);
        for (int m = 0; m < cos.Length; m++)
            (low[m], high[m]) = ((low[m] * cos[m]) - (high[m] * sin[m]), (high[m] * cos[m]) + (low[m] * sin[m]));
    }

    /// <summary>The place of the largest value, the first of equals.</summary>
    public static int ArgMax(ReadOnlySpan<float> values) => TensorPrimitives.IndexOfMax(values);
}
