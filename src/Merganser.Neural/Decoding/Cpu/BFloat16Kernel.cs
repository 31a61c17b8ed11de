using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>
/// One row of bfloat16 weights times a float32 vector that was split into even and odd places. Two weights are one 32-bit word: shifted
/// left it is the even one as float32, with the low half masked away it is the odd one. Counts are multiples of 32 weights.
/// </summary>
internal static unsafe class BFloat16Kernel
{
    public const uint OddMask = 0xFFFF0000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Dot(ushort* row, float* even, float* odd, int count) =>
        Vector512.IsHardwareAccelerated ? Dot512(row, even, odd, count) : Vector256.IsHardwareAccelerated ? Dot256(row, even, odd, count) : Dot128(row, even, odd, count);

    /// <summary>Four short rows that lie <paramref name="stride"/> bytes apart, for vectors so short that the sums at their ends would take most of the time.</summary>
    public static Vector128<float> Dots(byte* rows, int stride, float* even, float* odd, int count)
    {
        Vector256<float> a = default, b = default, c = default, d = default;
        Vector256<uint> mask = Vector256.Create(OddMask);
        for (int i = 0; i < count / 2; i += 8, rows += 32)
        {
            Vector256<float> low = Vector256.Load(even + i), high = Vector256.Load(odd + i);
            Vector256<uint> first = Vector256.Load((uint*)rows), second = Vector256.Load((uint*)(rows + stride));
            Vector256<uint> third = Vector256.Load((uint*)(rows + (2 * stride))), fourth = Vector256.Load((uint*)(rows + (3 * stride)));
            a = Vector256.MultiplyAddEstimate((first & mask).AsSingle(), high, Vector256.MultiplyAddEstimate((first << 16).AsSingle(), low, a));
            b = Vector256.MultiplyAddEstimate((second & mask).AsSingle(), high, Vector256.MultiplyAddEstimate((second << 16).AsSingle(), low, b));
            c = Vector256.MultiplyAddEstimate((third & mask).AsSingle(), high, Vector256.MultiplyAddEstimate((third << 16).AsSingle(), low, c));
            d = Vector256.MultiplyAddEstimate((fourth & mask).AsSingle(), high, Vector256.MultiplyAddEstimate((fourth << 16).AsSingle(), low, d));
        }

        return SingleKernel.Sums(a, b, c, d);
    }

    public static float Dot512(ushort* row, float* even, float* odd, int count)
    {
        uint* pairs = (uint*)row;
        int words = count / 2, i = 0;
        Vector512<float> a = default, b = default, c = default, d = default;
        Vector512<uint> mask = Vector512.Create(OddMask);
        for (; i <= words - 32; i += 32)
        {
            Vector512<uint> first = Vector512.Load(pairs + i), second = Vector512.Load(pairs + i + 16);
            a = Vector512.MultiplyAddEstimate((first << 16).AsSingle(), Vector512.Load(even + i), a);
            b = Vector512.MultiplyAddEstimate((first & mask).AsSingle(), Vector512.Load(odd + i), b);
            c = Vector512.MultiplyAddEstimate((second << 16).AsSingle(), Vector512.Load(even + i + 16), c);
            d = Vector512.MultiplyAddEstimate((second & mask).AsSingle(), Vector512.Load(odd + i + 16), d);
        }

        for (; i < words; i += 16)
        {
            Vector512<uint> first = Vector512.Load(pairs + i);
            a = Vector512.MultiplyAddEstimate((first << 16).AsSingle(), Vector512.Load(even + i), a);
            b = Vector512.MultiplyAddEstimate((first & mask).AsSingle(), Vector512.Load(odd + i), b);
        }

        return Vector512.Sum((a + b) + (c + d));
    }

    public static float Dot256(ushort* row, float* even, float* odd, int count)
    {
        uint* pairs = (uint*)row;
        int words = count / 2;
        Vector256<float> a = default, b = default, c = default, d = default;
        Vector256<uint> mask = Vector256.Create(OddMask);
        for (int i = 0; i < words; i += 16)
        {
            Prefetch.Behind(pairs + i);
            Vector256<uint> first = Vector256.Load(pairs + i), second = Vector256.Load(pairs + i + 8);
            a = Vector256.MultiplyAddEstimate((first << 16).AsSingle(), Vector256.Load(even + i), a);
            b = Vector256.MultiplyAddEstimate((first & mask).AsSingle(), Vector256.Load(odd + i), b);
            c = Vector256.MultiplyAddEstimate((second << 16).AsSingle(), Vector256.Load(even + i + 8), c);
            d = Vector256.MultiplyAddEstimate((second & mask).AsSingle(), Vector256.Load(odd + i + 8), d);
        }

        return Vector256.Sum((a + b) + (c + d));
    }

    public static float Dot128(ushort* row, float* even, float* odd, int count)
    {
        uint* pairs = (uint*)row;
        int words = count / 2;
        Vector128<float> a = default, b = default, c = default, d = default;
        Vector128<uint> mask = Vector128.Create(OddMask);
        for (int i = 0; i < words; i += 8)
        {
            Vector128<uint> first = Vector128.Load(pairs + i), second = Vector128.Load(pairs + i + 4);
            a = Vector128.MultiplyAddEstimate((first << 16).AsSingle(), Vector128.Load(even + i), a);
            b = Vector128.MultiplyAddEstimate((first & mask).AsSingle(), Vector128.Load(odd + i), b);
            c = Vector128.MultiplyAddEstimate((second << 16).AsSingle(), Vector128.Load(even + i + 4), c);
            d = Vector128.MultiplyAddEstimate((second & mask).AsSingle(), Vector128.Load(odd + i + 4), d);
        }

        return Vector128.Sum((a + b) + (c + d));
    }
}
