using System.Buffers.Binary;
using System.Numerics.Tensors;

namespace Merganser.Checkpoints.Gguf;

/// <summary>
/// Q8_0: 32 numbers as one binary16 scale d = max|x|/127 and 32 signed bytes round(x/d), ties away from zero. The bytes are
/// computed with the unrounded scale, as the format's reference does.
/// </summary>
internal static class Q8Blocks
{
    public const int Length = 32;
    public const int Bytes = 2 + Length;

    public static void Quantise(ReadOnlySpan<float> source, Span<byte> destination)
    {
        while (!source.IsEmpty)
        {
            ReadOnlySpan<float> block = source[..Length];
            float scale = Math.Abs(TensorPrimitives.MaxMagnitude(block)) / 127f;
            float inverse = scale == 0 ? 0 : 1f / scale;
            BinaryPrimitives.WriteHalfLittleEndian(destination, (Half)scale);
            for (int i = 0; i < Length; i++)
                destination[2 + i] = (byte)(sbyte)Math.Clamp(MathF.Round(block[i] * inverse, MidpointRounding.AwayFromZero), -127f, 127f);
            source = source[Length..];
            destination = destination[Bytes..];
        }
    }

    public static void Dequantise(ReadOnlySpan<byte> source, Span<float> destination)
    {
        while (!destination.IsEmpty)
        {
            float scale = (float)BinaryPrimitives.ReadHalfLittleEndian(source);
            for (int i = 0; i < Length; i++)
                destination[i] = scale * (sbyte)source[2 + i];
            source = source[Bytes..];
            destination = destination[Length..];
        }
    }
}
