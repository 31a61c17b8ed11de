using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>One bit for every value: set where it is kept.</summary>
internal static class RowBits
{
    /// <summary>Sets values to 0 where no bit is set.</summary>
    public static void Apply(ReadOnlySpan<byte> bits, Span<float> values)
    {
        int index = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ref float first = ref MemoryMarshal.GetReference(values);
            Vector256<int> places = Vector256.Create(1, 2, 4, 8, 16, 32, 64, 128);
            for (; index <= values.Length - Vector256<float>.Count; index += Vector256<float>.Count)
            {
                Vector256<int> kept = Vector256.Equals(Vector256.Create((int)bits[index / 8]) & places, places);
                (Vector256.LoadUnsafe(ref first, (nuint)index) & kept.AsSingle()).StoreUnsafe(ref first, (nuint)index);
            }
        }

        for (; index < values.Length; index++)
        {
            if ((bits[index / 8] >> (index % 8) & 1) == 0)
                values[index] = 0;
        }
    }
}
