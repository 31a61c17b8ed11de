using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Torch;

/// <summary>A tensor whose elements lie in its file at strides, such as a transposed matrix; reads as the contiguous tensor.</summary>
/// <param name="info">Name, element type and shape.</param>
/// <param name="file">The file.</param>
/// <param name="offset">The offset of the first element in bytes.</param>
/// <param name="strides">Steps of each axis in elements.</param>
internal sealed class StridedTensorSource(TensorInfo info, CheckpointFile file, long offset, ImmutableArray<long> strides) : TensorSource
{
    public override TensorInfo Info => info;

    public override string Origin => file.Path;

    public override void Read(long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, info.ByteCount - destination.Length);
        if (destination.IsEmpty)
            return;
        int size = info.DType.Size();
        long first = byteOffset / size;
        long end = (byteOffset + destination.Length + size - 1) / size;
        if (byteOffset % size != 0 || destination.Length % size != 0)
        {
            byte[] whole = new byte[checked((int)(end - first) * size)];
            Gather(first, whole);
            whole.AsSpan((int)(byteOffset - first * size), destination.Length).CopyTo(destination);
            return;
        }

        Gather(first, destination);
    }

    private void Gather(long first, Span<byte> destination)
    {
        long last = 0;
        for (int i = 0; i < strides.Length; i++)
            last += (info.Shape[i] - 1) * strides[i];

        // All elements that the tensor touches, as a flat array mapped from the file.
        var storage = new FileTensorSource(new TensorInfo(info.Name, info.DType, [last + 1]), file, offset);
        using MappedTensor mapped = MappedTensor.Map(storage);
        switch (info.DType.Size())
        {
            case 1:
                Gather<byte>(mapped, first, destination);
                break;
            case 2:
                Gather<ushort>(mapped, first, destination);
                break;
            case 4:
                Gather<uint>(mapped, first, destination);
                break;
            default:
                Gather<ulong>(mapped, first, destination);
                break;
        }
    }

    private void Gather<T>(MappedTensor mapped, long first, Span<byte> destination)
        where T : unmanaged
    {
        int size = info.DType.Size();
        Span<long> index = stackalloc long[strides.Length];
        long rest = first, place = 0;
        for (int i = strides.Length - 1; i >= 0; i--)
        {
            (rest, index[i]) = Math.DivRem(rest, info.Shape[i]);
            place += index[i] * strides[i];
        }

        for (int done = 0; done < destination.Length; done += size)
        {
            T element = MemoryMarshal.Read<T>(mapped.Slice(place * size, size));
            MemoryMarshal.Write(destination[done..], element);
            for (int i = strides.Length - 1; i >= 0; i--)
            {
                place += strides[i];
                if (++index[i] < info.Shape[i])
                    break;
                place -= index[i] * strides[i];
                index[i] = 0;
            }
        }
    }
}
