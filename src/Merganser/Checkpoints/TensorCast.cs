using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Merganser.Checkpoints.Casting;

namespace Merganser.Checkpoints;

/// <summary>
/// Converts stored elements (little-endian bytes, as files hold them) to 32-bit floats and back, with vectors of the widest
/// kind that the machine has. Widening F16, BF16, F8_E4M3 and F8_E5M2 is exact, NaN payloads included; narrowing rounds to
/// nearest with ties to even. Numbers beyond the largest one become infinities, in F8_E4M3 (which has none) NaN, as PyTorch's
/// <c>float8_e4m3fn</c> does. Integers and bools are only read.
/// </summary>
public static class TensorCast
{
    private const uint FirstNonFinite = 0x7F800000;

    /// <summary>Converts elements to 32-bit floats.</summary>
    /// <exception cref="ArgumentException">The lengths do not fit each other.</exception>
    public static void ToSingle(ReadOnlySpan<byte> source, DType type, Span<float> destination) => _ = ToSingleAndCheck(source, type, destination);

    /// <summary>Converts elements to 32-bit floats; false when any result is NaN or infinite. Costs hardly more than <see cref="ToSingle"/>.</summary>
    /// <exception cref="ArgumentException">The lengths do not fit each other.</exception>
    public static bool ToSingleAndCheck(ReadOnlySpan<byte> source, DType type, Span<float> destination)
    {
        if (source.Length != (long)destination.Length * type.Size())
            throw new ArgumentException($"{source.Length} bytes are not {destination.Length} elements of {type}", nameof(source));
        uint largest = type switch
        {
            DType.BF16 => CastLoops.Widen<BFloat16Format>(source, destination),
            DType.F16 => CastLoops.Widen<SmallFloatFormat<HalfLayout>>(source, destination),
            DType.F32 => CastLoops.Widen<SingleFormat>(source, destination),
            DType.F8E4M3 => CastLoops.Widen<SmallFloatFormat<E4M3Layout>>(source, destination),
            DType.F8E5M2 => CastLoops.Widen<SmallFloatFormat<E5M2Layout>>(source, destination),
            DType.F64 => ConvertAndCheck<double>(source, destination),
            DType.I64 => Convert<long>(source, destination),
            DType.I32 => Convert<int>(source, destination),
            DType.I16 => Convert<short>(source, destination),
            DType.I8 => Convert<sbyte>(source, destination),
            DType.U64 => Convert<ulong>(source, destination),
            DType.U32 => Convert<uint>(source, destination),
            DType.U16 => Convert<ushort>(source, destination),
            DType.U8 or DType.Bool => Convert<byte>(source, destination),
            _ => throw new ArgumentOutOfRangeException(nameof(type), type, "no such element type"),
        };
        return largest < FirstNonFinite;
    }

    /// <summary>Converts 32-bit floats to a floating-point element type.</summary>
    /// <exception cref="ArgumentException">The lengths do not fit each other, or the type is not a floating-point one.</exception>
    public static void FromSingle(ReadOnlySpan<float> source, DType type, Span<byte> destination)
    {
        if (destination.Length != (long)source.Length * type.Size())
            throw new ArgumentException($"{destination.Length} bytes do not hold {source.Length} elements of {type}", nameof(destination));
        switch (type)
        {
            case DType.BF16:
                CastLoops.Narrow<BFloat16Format>(source, destination);
                break;
            case DType.F16:
                CastLoops.Narrow<SmallFloatFormat<HalfLayout>>(source, destination);
                break;
            case DType.F32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case DType.F8E4M3:
                CastLoops.Narrow<SmallFloatFormat<E4M3Layout>>(source, destination);
                break;
            case DType.F8E5M2:
                CastLoops.Narrow<SmallFloatFormat<E5M2Layout>>(source, destination);
                break;
            case DType.F64:
                TensorPrimitives.ConvertTruncating(source, MemoryMarshal.Cast<byte, double>(destination));
                break;
            default:
                throw new ArgumentException($"numbers are not rounded to {type}; integers are copied", nameof(type));
        }
    }

    /// <summary>The number of NaN and infinite elements; 0 for integers and bools.</summary>
    /// <exception cref="ArgumentException">The length is not a multiple of the element's size.</exception>
    public static long CountNonFinite(ReadOnlySpan<byte> source, DType type)
    {
        int size = type.Size();
        if (source.Length % size != 0)
            throw new ArgumentException($"{source.Length} bytes are no whole number of elements of {type}", nameof(source));
        if (!type.IsFloat())
            return 0;
        if (type == DType.F64)
            return CountNonFinite(MemoryMarshal.Cast<byte, double>(source));

        long count = 0;
        Span<float> block = stackalloc float[1024];
        while (!source.IsEmpty)
        {
            int length = Math.Min(block.Length, source.Length / size);
            if (!ToSingleAndCheck(source[..(length * size)], type, block[..length]))
                count += CountNonFinite(block[..length]);
            source = source[(length * size)..];
        }

        return count;
    }

    /// <summary>The number of NaN and infinite elements.</summary>
    public static long CountNonFinite(ReadOnlySpan<float> source)
    {
        long count = 0;
        foreach (float value in source)
            count += float.IsFinite(value) ? 0 : 1;
        return count;
    }

    private static long CountNonFinite(ReadOnlySpan<double> source)
    {
        long count = 0;
        foreach (double value in source)
            count += double.IsFinite(value) ? 0 : 1;
        return count;
    }

    private static uint Convert<T>(ReadOnlySpan<byte> source, Span<float> destination)
        where T : unmanaged, System.Numerics.INumberBase<T>
    {
        TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, T>(source), destination);
        return 0;
    }

    private static uint ConvertAndCheck<T>(ReadOnlySpan<byte> source, Span<float> destination)
        where T : unmanaged, System.Numerics.INumberBase<T>
    {
        _ = Convert<T>(source, destination);
        return CastLoops.Widen<SingleFormat>(MemoryMarshal.AsBytes(destination), destination);
    }
}
