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

    /// <summary>The same of two models of one base in one loop, which reads the base once: (all, kept) of the first and of the second.</summary>
    public static void OfTwo(ushort* origin, ushort* first, ushort* second, byte* firstBits, byte* secondBits, int count, Span<double> sums)
    {
        sums.Clear();
        float* lanes = stackalloc float[4 * AbsoluteSum.Lanes];
        for (int begin = 0; begin < count; begin += AbsoluteSum.BlockElements)
        {
            int length = Math.Min(AbsoluteSum.BlockElements, count - begin), whole = length & -StoredBits.Width;
            AddWhole(origin + begin, first + begin, second + begin, firstBits + (begin / 8), secondBits + (begin / 8), whole, lanes);
            if (whole < length)
            {
                AddRest(origin + begin, first + begin, firstBits + (begin / 8), whole, length, lanes);
                AddRest(origin + begin, second + begin, secondBits + (begin / 8), whole, length, lanes + (2 * AbsoluteSum.Lanes));
            }

            for (int sum = 0; sum < sums.Length; sum++)
                sums[sum] += AbsoluteSum.Join(lanes + (sum * AbsoluteSum.Lanes));
        }
    }

    private static void AddWhole(ushort* origin, ushort* first, ushort* second, byte* firstBits, byte* secondBits, int count, float* lanes)
    {
        Vector256<float> even1 = default, odd1 = default, keptEven1 = default, keptOdd1 = default, even2 = default, odd2 = default, keptEven2 = default, keptOdd2 = default;
        Vector256<int> evenPlaces = Vector256.Create(1, 4, 16, 64, 256, 1024, 4096, 16384);
        Vector256<int> oddPlaces = evenPlaces << 1;
        nint length = count;
        for (nint index = 0; index < length; index += StoredBits.Width)
        {
            Vector256<uint> from = Vector256.Load(origin + index).AsUInt32(), to = Vector256.Load(first + index).AsUInt32();
            Vector256<float> fromEven = StoredBits.Even(from), fromOdd = StoredBits.Odd(from);
            Vector256<int> set = Vector256.Create((int)*(ushort*)(firstBits + (index >> 3)));
            Vector256<float> size = Vector256.Abs(StoredBits.Even(to) - fromEven);
            even1 += size;
            keptEven1 += size & Vector256.Equals(set & evenPlaces, evenPlaces).AsSingle();
            size = Vector256.Abs(StoredBits.Odd(to) - fromOdd);
            odd1 += size;
            keptOdd1 += size & Vector256.Equals(set & oddPlaces, oddPlaces).AsSingle();
            to = Vector256.Load(second + index).AsUInt32();
            set = Vector256.Create((int)*(ushort*)(secondBits + (index >> 3)));
            size = Vector256.Abs(StoredBits.Even(to) - fromEven);
            even2 += size;
            keptEven2 += size & Vector256.Equals(set & evenPlaces, evenPlaces).AsSingle();
            size = Vector256.Abs(StoredBits.Odd(to) - fromOdd);
            odd2 += size;
            keptOdd2 += size & Vector256.Equals(set & oddPlaces, oddPlaces).AsSingle();
        }

        Interleave(even1, odd1, lanes);
        Interleave(keptEven1, keptOdd1, lanes + AbsoluteSum.Lanes);
        Interleave(even2, odd2, lanes + (2 * AbsoluteSum.Lanes));
        Interleave(keptEven2, keptOdd2, lanes + (3 * AbsoluteSum.Lanes));
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
        AddRest(origin, model, bits, index, count, lanes);
    }

    /// <summary>What is left behind the last vector.</summary>
    private static void AddRest(ushort* origin, ushort* model, byte* bits, int begin, int end, float* lanes)
    {
        for (int index = begin; index < end; index++)
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
