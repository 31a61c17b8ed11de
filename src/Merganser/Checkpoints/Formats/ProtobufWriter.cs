using System.Buffers;
using System.Buffers.Binary;

namespace Merganser.Checkpoints.Formats;

/// <summary>Writes the fields of protocol buffer messages.</summary>
internal static class ProtobufWriter
{
    public static void Varint(ArrayBufferWriter<byte> writer, int number, ulong value)
    {
        Raw(writer, (ulong)number << 3);
        Raw(writer, value);
    }

    public static void Bytes(ArrayBufferWriter<byte> writer, int number, ReadOnlySpan<byte> value)
    {
        Raw(writer, ((ulong)number << 3) | 2);
        Raw(writer, (ulong)value.Length);
        writer.Write(value);
    }

    public static void Single(ArrayBufferWriter<byte> writer, int number, float value)
    {
        Raw(writer, ((ulong)number << 3) | 5);
        BinaryPrimitives.WriteSingleLittleEndian(writer.GetSpan(4), value);
        writer.Advance(4);
    }

    private static void Raw(ArrayBufferWriter<byte> writer, ulong value)
    {
        Span<byte> span = writer.GetSpan(10);
        int count = 0;
        while (value >= 0x80)
        {
            span[count++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[count++] = (byte)value;
        writer.Advance(count);
    }
}
