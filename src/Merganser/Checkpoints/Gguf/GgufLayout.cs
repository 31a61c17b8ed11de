using System.Buffers;
using System.Collections.Immutable;

namespace Merganser.Checkpoints.Gguf;

/// <summary>The bytes in front of the data of a GGUF file, and where each tensor goes.</summary>
internal sealed class GgufLayout
{
    public const int Alignment = 32;

    private GgufLayout(byte[] header, ImmutableArray<GgufTensor> tensors, long length)
    {
        Header = header;
        Tensors = tensors;
        Length = length;
    }

    /// <summary>The header, padded: its length is the start of the data.</summary>
    public byte[] Header { get; }

    public ImmutableArray<GgufTensor> Tensors { get; }

    /// <summary>The length of the file.</summary>
    public long Length { get; }

    public static GgufLayout Create(GgufMetadata metadata, IEnumerable<(string Name, GgufType Type, ImmutableArray<long> Shape)> tensors)
    {
        long offset = 0;
        ImmutableArray<GgufTensor>.Builder placed = ImmutableArray.CreateBuilder<GgufTensor>();
        foreach ((string name, GgufType type, ImmutableArray<long> shape) in tensors)
        {
            placed.Add(new GgufTensor(name, type, shape, offset));
            offset = Align(checked(offset + type.Bytes(shape.Aggregate(1L, (count, extent) => checked(count * extent)))));
        }

        var bytes = new ArrayBufferWriter<byte>();
        bytes.Write("GGUF"u8);
        GgufMetadata.U32(bytes, 3);
        GgufMetadata.U64(bytes, (ulong)placed.Count);
        GgufMetadata.U64(bytes, (ulong)metadata.Count);
        bytes.Write(metadata.Bytes);
        foreach (GgufTensor tensor in placed)
        {
            GgufMetadata.Text(bytes, tensor.Name);
            GgufMetadata.U32(bytes, (uint)tensor.Shape.Length);
            for (int i = tensor.Shape.Length - 1; i >= 0; i--)
                GgufMetadata.U64(bytes, (ulong)tensor.Shape[i]);
            GgufMetadata.U32(bytes, (uint)tensor.Type);
            GgufMetadata.U64(bytes, (ulong)tensor.Offset);
        }

        byte[] header = new byte[Align(bytes.WrittenCount)];
        bytes.WrittenSpan.CopyTo(header);
        return new GgufLayout(header, placed.DrainToImmutable(), header.Length + offset);
    }

    private static long Align(long offset) => checked(offset + Alignment - 1) / Alignment * Alignment;
}
