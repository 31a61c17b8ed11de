using System.Runtime.InteropServices;

namespace Merganser.Checkpoints;

/// <summary>Whole tensors at once, for those that fit in memory.</summary>
public static class TensorSources
{
    /// <summary>All bytes of a tensor.</summary>
    /// <exception cref="MerganserException">The tensor is too large for one array, or unreadable.</exception>
    public static byte[] ReadBytes(this TensorSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Info.ByteCount > Array.MaxLength)
            throw new MerganserException($"{source.Origin}: tensor '{source.Info.Name}' has {source.Info.ByteCount} bytes, too many to hold at once");
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        return bytes;
    }

    /// <summary>All elements of a tensor as 32-bit floats.</summary>
    /// <exception cref="MerganserException">The tensor is too large for one array, or unreadable.</exception>
    public static float[] ReadSingles(this TensorSource source)
    {
        byte[] bytes = ReadBytes(source);
        float[] values = new float[source.Info.ElementCount];
        TensorCast.ToSingle(bytes, source.Info.DType, values);
        return values;
    }

    /// <summary>The bytes of 32-bit floats in an element type.</summary>
    public static byte[] ToBytes(ReadOnlySpan<float> values, DType type)
    {
        byte[] bytes = new byte[checked(values.Length * type.Size())];
        TensorCast.FromSingle(values, type, bytes);
        return bytes;
    }

    /// <summary>The bytes of 32-bit floats as they are.</summary>
    public static byte[] ToBytes(ReadOnlySpan<float> values) => MemoryMarshal.AsBytes(values).ToArray();
}
