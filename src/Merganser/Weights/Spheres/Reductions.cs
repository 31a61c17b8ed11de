using System.Numerics;
using System.Runtime.InteropServices;

namespace Merganser.Weights.Spheres;

/// <summary>Sums over float32 values in double precision, always in the same order.</summary>
internal static class Reductions
{
    /// <summary>Σ aᵢ bᵢ.</summary>
    public static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        b = b[..a.Length];
        ref float x = ref MemoryMarshal.GetReference(a);
        ref float y = ref MemoryMarshal.GetReference(b);
        Vector<double> low = default, high = default;
        int i = 0;
        for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(Vector.LoadUnsafe(ref x, (nuint)i), out Vector<double> xl, out Vector<double> xh);
            Vector.Widen(Vector.LoadUnsafe(ref y, (nuint)i), out Vector<double> yl, out Vector<double> yh);
            low += xl * yl;
            high += xh * yh;
        }

        double sum = Vector.Sum(low + high);
        for (; i < a.Length; i++)
            sum += (double)a[i] * b[i];
        return sum;
    }

    /// <summary>Adds aᵢ bᵢ to the i-th sum.</summary>
    public static void AddProducts(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<double> sums)
    {
        ref float x = ref MemoryMarshal.GetReference(a);
        ref float y = ref MemoryMarshal.GetReference(b[..a.Length]);
        ref double s = ref MemoryMarshal.GetReference(sums[..a.Length]);
        int half = Vector<double>.Count;
        int i = 0;
        for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(Vector.LoadUnsafe(ref x, (nuint)i), out Vector<double> xl, out Vector<double> xh);
            Vector.Widen(Vector.LoadUnsafe(ref y, (nuint)i), out Vector<double> yl, out Vector<double> yh);
            (Vector.LoadUnsafe(ref s, (nuint)i) + (xl * yl)).StoreUnsafe(ref s, (nuint)i);
            (Vector.LoadUnsafe(ref s, (nuint)(i + half)) + (xh * yh)).StoreUnsafe(ref s, (nuint)(i + half));
        }

        for (; i < a.Length; i++)
            sums[i] += (double)a[i] * b[i];
    }
}
