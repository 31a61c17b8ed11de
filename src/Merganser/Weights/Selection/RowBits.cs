using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>One bit for every value: set where it is not 0.</summary>
internal static class RowBits
{
    /// <summary>Notes which values are not 0.</summary>
    public static void Take(ReadOnlySpan<float> values, Span<byte> bits)
    {
        int index = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ref float first = ref MemoryMarshal.GetReference(values);
            for (; index <= values.Length - Vector256<float>.Count; index += Vector256<float>.Count)
            {
                Vector256<float> zero = Vector256.Equals(Vector256.LoadUnsafe(ref first, (nuint)index), Vector256<float>.Zero);
                bits[index / 8] = (byte)~Vector256.ExtractMostSignificantBits(zero);
            }
        }

        bits[(index / 8)..].Clear();
        for (; index < values.Length; index++)
        {
            if (values[index] != 0)
                bits[index / 8] |= (byte)(1 << (index % 8));
        }
    }

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
