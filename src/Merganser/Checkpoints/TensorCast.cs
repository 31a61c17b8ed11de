using System.Runtime.InteropServices;

namespace Merganser.Checkpoints;

/// <summary>Conversions between stored types and float32.</summary>
public static class TensorCast
{
    /// <summary>Widens to float32.</summary>
    public static void ToSingle(ReadOnlySpan<byte> source, DType type, Span<float> destination)
    {
        if (type != DType.F32)
            throw new ArgumentException("only F32 yet", nameof(type));
        MemoryMarshal.Cast<byte, float>(source).CopyTo(destination);
    }

    /// <summary>Widens to float32; false when an element is NaN or infinite.</summary>
    public static bool ToSingleAndCheck(ReadOnlySpan<byte> source, DType type, Span<float> destination)
    {
        ToSingle(source, type, destination);
        return !destination.ContainsAnyExceptInRange(float.MinValue, float.MaxValue);
    }

    /// <summary>Narrows from float32.</summary>
    public static void FromSingle(ReadOnlySpan<float> source, DType type, Span<byte> destination)
    {
        if (type != DType.F32)
            throw new ArgumentException("only F32 yet", nameof(type));
        source.CopyTo(MemoryMarshal.Cast<byte, float>(destination));
    }
}
