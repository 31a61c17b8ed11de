using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>One row of float32 weights times a float32 vector: four accumulators along the row. Counts are multiples of 16.</summary>
internal static unsafe class SingleKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(float* row, float* x, int count) =>
        Vector512.IsHardwareAccelerated ? Dot512(row, x, count) : Vector256.IsHardwareAccelerated ? Dot256(row, x, count) : Dot128(row, x, count);

    /// <summary>Four short rows that lie <paramref name="stride"/> bytes apart, for vectors so short that the sums at their ends would take most of the time.</summary>
    public static Vector128<float> Dots(byte* rows, int stride, float* x, int count)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        float* first = (float*)rows, second = (float*)(rows + stride), third = (float*)(rows + (2 * stride)), fourth = (float*)(rows + (3 * stride));
        for (int i = 0; i < count; i += 8)
        {
            Vector256<float> part = Vector256.Load(x + i);
            a = Vector256.MultiplyAddEstimate(Vector256.Load(first + i), part, a);
            b = Vector256.MultiplyAddEstimate(Vector256.Load(second + i), part, b);
            c = Vector256.MultiplyAddEstimate(Vector256.Load(third + i), part, c);
            d = Vector256.MultiplyAddEstimate(Vector256.Load(fourth + i), part, d);
        }

        return Sums(a, b, c, d);
    }

    /// <summary>The sums of four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d)
    {
        if (!Avx.IsSupported)
            return Vector128.Create(Vector256.Sum(a), Vector256.Sum(b), Vector256.Sum(c), Vector256.Sum(d));
        Vector256<float> halves = Avx.HorizontalAdd(Avx.HorizontalAdd(a, b), Avx.HorizontalAdd(c, d));
        return halves.GetLower() + halves.GetUpper();
    }

    public static float Dot512(float* row, float* x, int count)
    {
        Vector512<float> a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i <= count - 64; i += 64)
        {
            a = Vector512.MultiplyAddEstimate(Vector512.Load(row + i), Vector512.Load(x + i), a);
            b = Vector512.MultiplyAddEstimate(Vector512.Load(row + i + 16), Vector512.Load(x + i + 16), b);
            c = Vector512.MultiplyAddEstimate(Vector512.Load(row + i + 32), Vector512.Load(x + i + 32), c);
            d = Vector512.MultiplyAddEstimate(Vector512.Load(row + i + 48), Vector512.Load(x + i + 48), d);
        }

        for (; i < count; i += 16)
            a = Vector512.MultiplyAddEstimate(Vector512.Load(row + i), Vector512.Load(x + i), a);
        return Vector512.Sum((a + b) + (c + d));
    }

    public static float Dot256(float* row, float* x, int count)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        int i = 0;
        for (; i <= count - 32; i += 32)
        {
            a = Vector256.MultiplyAddEstimate(Vector256.Load(row + i), Vector256.Load(x + i), a);
            b = Vector256.MultiplyAddEstimate(Vector256.Load(row + i + 8), Vector256.Load(x + i + 8), b);
            c = Vector256.MultiplyAddEstimate(Vector256.Load(row + i + 16), Vector256.Load(x + i + 16), c);
            d = Vector256.MultiplyAddEstimate(Vector256.Load(row + i + 24), Vector256.Load(x + i + 24), d);
        }

        for (; i < count; i += 8)
            a = Vector256.MultiplyAddEstimate(Vector256.Load(row + i), Vector256.Load(x + i), a);
        return Vector256.Sum((a + b) + (c + d));
    }

    public static float Dot128(float* row, float* x, int count)
    {
        Vector128<float> a = default, b = default, c = default, d = default;
        for (int i = 0; i < count; i += 16)
        {
            a = Vector128.MultiplyAddEstimate(Vector128.Load(row + i), Vector128.Load(x + i), a);
            b = Vector128.MultiplyAddEstimate(Vector128.Load(row + i + 4), Vector128.Load(x + i + 4), b);
            c = Vector128.MultiplyAddEstimate(Vector128.Load(row + i + 8), Vector128.Load(x + i + 8), c);
            d = Vector128.MultiplyAddEstimate(Vector128.Load(row + i + 12), Vector128.Load(x + i + 12), d);
        }

        return Vector128.Sum((a + b) + (c + d));
    }
}
