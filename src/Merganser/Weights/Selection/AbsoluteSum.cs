using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>Sums of absolute values, always in the same order, whatever the width of the processor's vectors.</summary>
/// <remarks>
/// In blocks of <see cref="BlockElements"/> every sixteenth element goes into the same of sixteen float32 sums; at the end of a block these are added
/// up in double. At most 128 values are added in float32, so the error is that of a few units in the last place of a float32.
/// </remarks>
internal static unsafe class AbsoluteSum
{
    /// <summary>Values that are added in float32.</summary>
    public const int BlockElements = 2048;

    /// <summary>Sums side by side.</summary>
    public const int Lanes = 16;

    /// <summary>Σ |v|.</summary>
    public static double Of(ReadOnlySpan<float> values)
    {
        double sum = 0;
        float* lanes = stackalloc float[Lanes];
        while (!values.IsEmpty)
        {
            ReadOnlySpan<float> block = values[..Math.Min(BlockElements, values.Length)];
            values = values[block.Length..];
            ref float first = ref MemoryMarshal.GetReference(block);
            Vector256<float> low = default;
            Vector256<float> high = default;
            int index = 0;
            for (; index <= block.Length - Lanes; index += Lanes)
            {
                low += Vector256.Abs(Vector256.LoadUnsafe(ref first, (nuint)index));
                high += Vector256.Abs(Vector256.LoadUnsafe(ref first, (nuint)(index + Vector256<float>.Count)));
            }

            low.Store(lanes);
            high.Store(lanes + Vector256<float>.Count);
            for (; index < block.Length; index++)
                lanes[index & (Lanes - 1)] += Math.Abs(block[index]);
            sum += Join(lanes);
        }

        return sum;
    }

    /// <summary>Adds up the sums side by side.</summary>
    public static double Join(float* lanes)
    {
        double sum = 0;
        for (int lane = 0; lane < Lanes; lane++)
            sum += lanes[lane];
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
