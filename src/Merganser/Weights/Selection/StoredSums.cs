using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>Sums of absolute changes of stored bfloat16 numbers: the values of <see cref="AbsoluteSum.Of"/>, bit for bit.</summary>
internal static unsafe class StoredSums
{
    /// <summary>Σ |model − base| over all elements, and over those whose bit is set.</summary>
    public static void Of(ushort* origin, ushort* model, byte* bits, int count, out double all, out double kept)
    {
        all = 0;
        kept = 0;
        float* lanes = stackalloc float[2 * AbsoluteSum.Lanes];
        for (int begin = 0; begin < count; begin += AbsoluteSum.BlockElements)
        {
            AddBlock(origin + begin, model + begin, bits + (begin / 8), Math.Min(AbsoluteSum.BlockElements, count - begin), lanes);
            all += AbsoluteSum.Join(lanes);
            kept += AbsoluteSum.Join(lanes + AbsoluteSum.Lanes);
        }
    }

    private static void AddBlock(ushort* origin, ushort* model, byte* bits, int count, float* lanes)
    {
        Vector256<float> even = default;
        Vector256<float> odd = default;
        Vector256<float> keptEven = default;
        Vector256<float> keptOdd = default;
        Vector256<int> evenPlaces = Vector256.Create(1, 4, 16, 64, 256, 1024, 4096, 16384);
        Vector256<int> oddPlaces = evenPlaces << 1;
        int index = 0;
        for (; index <= count - StoredBits.Width; index += StoredBits.Width)
        {
            Vector256<uint> from = Vector256.Load(origin + index).AsUInt32();
            Vector256<uint> to = Vector256.Load(model + index).AsUInt32();
            Vector256<int> set = Vector256.Create((int)*(ushort*)(bits + (index >> 3)));
            Vector256<float> sizeEven = Vector256.Abs(StoredBits.Even(to) - StoredBits.Even(from));
            Vector256<float> sizeOdd = Vector256.Abs(StoredBits.Odd(to) - StoredBits.Odd(from));
            even += sizeEven;
            odd += sizeOdd;
            keptEven += sizeEven & Vector256.Equals(set & evenPlaces, evenPlaces).AsSingle();
            keptOdd += sizeOdd & Vector256.Equals(set & oddPlaces, oddPlaces).AsSingle();
        }

        Interleave(even, odd, lanes);
        Interleave(keptEven, keptOdd, lanes + AbsoluteSum.Lanes);
        for (; index < count; index++)
        {
            float size = Math.Abs(StoredBits.Delta(origin, model, index));
            lanes[index & (AbsoluteSum.Lanes - 1)] += size;
            if ((bits[index >> 3] >> (index & 7) & 1) != 0)
                lanes[AbsoluteSum.Lanes + (index & (AbsoluteSum.Lanes - 1))] += size;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Interleave(Vector256<float> even, Vector256<float> odd, float* lanes)
    {
        for (int lane = 0; lane < Vector256<float>.Count; lane++)
        {
            lanes[2 * lane] = even[lane];
            lanes[(2 * lane) + 1] = odd[lane];
        }
    }
}
