using System.Buffers;
using System.Runtime.InteropServices;

namespace Merganser.Checkpoints.Gguf;

/// <summary>A Q8_0 tensor of a file, read as 32-bit floats.</summary>
internal sealed class Q8TensorSource(TensorInfo info, CheckpointFile file, long offset) : TensorSource
{
    private const int BlocksAtOnce = 1024;

    public override TensorInfo Info => info;

    public override string Origin => file.Path;

    public override void Read(long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, info.ByteCount - destination.Length);
        const int BlockOut = Q8Blocks.Length * sizeof(float);
        byte[] stored = ArrayPool<byte>.Shared.Rent(BlocksAtOnce * Q8Blocks.Bytes);
        byte[] decoded = ArrayPool<byte>.Shared.Rent(BlocksAtOnce * BlockOut);
        while (!destination.IsEmpty)
        {
            long block = Math.DivRem(byteOffset, BlockOut, out long within);
            int blocks = (int)Math.Min(BlocksAtOnce, (within + destination.Length + BlockOut - 1) / BlockOut);
            Span<byte> bytes = stored.AsSpan(0, blocks * Q8Blocks.Bytes);
            file.Read(offset + (block * Q8Blocks.Bytes), bytes);
            Q8Blocks.Dequantise(bytes, MemoryMarshal.Cast<byte, float>(decoded.AsSpan(0, blocks * BlockOut)));
            int length = Math.Min(destination.Length, (blocks * BlockOut) - (int)within);
            decoded.AsSpan((int)within, length).CopyTo(destination);
            destination = destination[length..];
            byteOffset += length;
        }

        ArrayPool<byte>.Shared.Return(stored);
        ArrayPool<byte>.Shared.Return(decoded);
    }
}
