using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>
/// One row of 8-bit weights times a vector of 16-bit integers. Neighbouring products are added into 32-bit sums, which cannot overflow
/// within a run: a lane takes 128 pairs of at most 2·127·32767. Between runs sums become float32. Counts are multiples of 64.
/// </summary>
internal static unsafe class Int8Kernel
{
    /// <summary>The pairs that one lane of one accumulator may take: 128·2·127·32767 is less than 2^31.</summary>
    private const int PairsPerLane = 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(sbyte* row, short* x, int count) =>
        Vector512.IsHardwareAccelerated ? Dot512(row, x, count) : Vector256.IsHardwareAccelerated ? Dot256(row, x, count) : Dot128(row, x, count);

    public static float Dot512(sbyte* row, short* x, int count)
    {
        const int step = 64, run = PairsPerLane * step;
        Vector512<float> sum = default;
        for (int start = 0; start < count; start += run)
        {
            int end = Math.Min(count, start + run);
            Vector512<int> a = default, b = default;
            for (int i = start; i < end; i += step)
            {
                a += Pairs(Widen512(row + i), Vector512.Load(x + i));
                b += Pairs(Widen512(row + i + 32), Vector512.Load(x + i + 32));
            }

            sum += Vector512.ConvertToSingle(a) + Vector512.ConvertToSingle(b);
        }

        return Vector512.Sum(sum);
    }

    public static float Dot256(sbyte* row, short* x, int count)
    {
        const int step = 64, run = PairsPerLane / 2 * step;
        Vector256<float> sum = default;
        for (int start = 0; start < count; start += run)
        {
            int end = Math.Min(count, start + run);
            Vector256<int> a = default, b = default;
            for (int i = start; i < end; i += step)
            {
                Prefetch.Behind(row + i);
                a += Pairs(Widen256(row + i), Vector256.Load(x + i));
                b += Pairs(Widen256(row + i + 16), Vector256.Load(x + i + 16));
                a += Pairs(Widen256(row + i + 32), Vector256.Load(x + i + 32));
                b += Pairs(Widen256(row + i + 48), Vector256.Load(x + i + 48));
            }

            sum += Vector256.ConvertToSingle(a) + Vector256.ConvertToSingle(b);
        }

        return Vector256.Sum(sum);
    }

    public static float Dot128(sbyte* row, short* x, int count)
    {
        const int step = 16, run = PairsPerLane * step;
        Vector128<float> sum = default;
        for (int start = 0; start < count; start += run)
        {
            int end = Math.Min(count, start + run);
            Vector128<int> a = default, b = default;
            for (int i = start; i < end; i += step)
            {
                (Vector128<short> low, Vector128<short> high) = Vector128.Widen(Vector128.Load(row + i));
                a += Pairs(low, Vector128.Load(x + i));
                b += Pairs(high, Vector128.Load(x + i + 8));
            }

            sum += Vector128.ConvertToSingle(a) + Vector128.ConvertToSingle(b);
        }

        return Vector128.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Widen512(sbyte* row)
    {
        if (Avx512BW.IsSupported)
            return Avx512BW.ConvertToVector512Int16(Vector256.Load(row));
        (Vector256<short> low, Vector256<short> high) = Vector256.Widen(Vector256.Load(row));
        return Vector512.Create(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Widen256(sbyte* row)
    {
        if (Avx2.IsSupported)
            return Avx2.ConvertToVector256Int16(row);
        (Vector128<short> low, Vector128<short> high) = Vector128.Widen(Vector128.Load(row));
        return Vector256.Create(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Pairs(Vector512<short> w, Vector512<short> x) => Avx512BW.IsSupported
        ? Avx512BW.MultiplyAddAdjacent(w, x)
        : Vector512.Create(Pairs(w.GetLower(), x.GetLower()), Pairs(w.GetUpper(), x.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Pairs(Vector256<short> w, Vector256<short> x) => Avx2.IsSupported
        ? Avx2.MultiplyAddAdjacent(w, x)
        : Vector256.Create(Pairs(w.GetLower(), x.GetLower()), Pairs(w.GetUpper(), x.GetUpper()));

    /// <summary>Which products share a lane does not matter: all lanes are summed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Pairs(Vector128<short> w, Vector128<short> x)
    {
        if (Sse2.IsSupported)
            return Sse2.MultiplyAddAdjacent(w, x);
        (Vector128<int> wl, Vector128<int> wh) = Vector128.Widen(w);
        (Vector128<int> xl, Vector128<int> xh) = Vector128.Widen(x);
        return (wl * xl) + (wh * xh);
    }
}
