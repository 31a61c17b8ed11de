using System.Numerics;
using System.Runtime.InteropServices;

namespace Merganser.Weights.Selection;

/// <summary>Sums of absolute values, in double and always in the same order.</summary>
internal static class AbsoluteSum
{
    /// <summary>Σ |v|.</summary>
    public static double Of(ReadOnlySpan<float> values)
    {
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector<double> low = default;
        Vector<double> high = default;
        int index = 0;
        for (; index <= values.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector.Widen(Vector.Abs(Vector.LoadUnsafe(ref first, (nuint)index)), out Vector<double> a, out Vector<double> b);
            low += a;
            high += b;
        }

        double sum = Vector.Sum(low + high);
        for (; index < values.Length; index++)
            sum += Math.Abs((double)values[index]);
        return sum;
    }

    /// <summary>Σ v².</summary>
    public static double OfSquares(ReadOnlySpan<float> values)
    {
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector<double> low = default;
        Vector<double> high = default;
        int index = 0;
        for (; index <= values.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector.Widen(Vector.LoadUnsafe(ref first, (nuint)index), out Vector<double> a, out Vector<double> b);
            low += a * a;
            high += b * b;
        }

        double sum = Vector.Sum(low + high);
        for (; index < values.Length; index++)
            sum += (double)values[index] * values[index];
        return sum;
    }
}
