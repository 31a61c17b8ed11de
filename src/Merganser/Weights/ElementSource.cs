using Merganser.Checkpoints;

namespace Merganser.Weights;

/// <summary>A tensor computed element by element when it is read: an input converted, scaled, with noise or with a vector added.</summary>
internal abstract class ElementSource(TensorInfo info, string origin) : TensorSource
{
    private const int ChunkElements = 4096;

    /// <inheritdoc/>
    public override TensorInfo Info { get; } = info;

    /// <inheritdoc/>
    public override string Origin { get; } = origin;

    /// <inheritdoc/>
    public override void Read(long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, Info.ByteCount - byteOffset);
        int size = Info.DType.Size();
        Span<float> values = new float[Math.Min(ChunkElements, (destination.Length / size) + 2)];
        Span<byte> bytes = stackalloc byte[2 * sizeof(double)];
        while (!destination.IsEmpty)
        {
            long element = byteOffset / size;
            int skip = (int)(byteOffset - (element * size));
            int whole = skip == 0 ? Math.Min(destination.Length / size, values.Length) : 0;
            int length;
            if (whole > 0)
            {
                length = whole * size;
                Compute(element, values[..whole]);
                TensorCast.FromSingle(values[..whole], Info.DType, destination[..length]);
            }
            else
            {
                // The range begins or ends inside an element.
                length = Math.Min(size - skip, destination.Length);
                Compute(element, values[..1]);
                TensorCast.FromSingle(values[..1], Info.DType, bytes[..size]);
                bytes.Slice(skip, length).CopyTo(destination);
            }

            destination = destination[length..];
            byteOffset += length;
        }
    }

    /// <summary>Fills <paramref name="values"/> with the elements from <paramref name="start"/>. Called from several threads at once.</summary>
    protected abstract void Compute(long start, Span<float> values);

    /// <summary>Reads elements of another tensor as float32.</summary>
    protected static void ReadElements(TensorSource source, long start, Span<float> values)
    {
        int size = source.Info.DType.Size();
        byte[] bytes = System.Buffers.ArrayPool<byte>.Shared.Rent(values.Length * size);
        source.Read(start * size, bytes.AsSpan(0, values.Length * size));
        TensorCast.ToSingle(bytes.AsSpan(0, values.Length * size), source.Info.DType, values);
        System.Buffers.ArrayPool<byte>.Shared.Return(bytes);
    }
}

/// <summary>A tensor under another name and, if need be, in another type.</summary>
internal sealed class ConvertedSource(TensorSource source, TensorInfo info) : ElementSource(info, source.Origin)
{
    private readonly bool _same = source.Info.DType == info.DType;

    /// <inheritdoc/>
    public override (CheckpointFile File, long Offset)? Range => _same ? source.Range : null;

    /// <inheritdoc/>
    public override void Read(long byteOffset, Span<byte> destination)
    {
        if (_same)
            source.Read(byteOffset, destination);
        else
            base.Read(byteOffset, destination);
    }

    /// <inheritdoc/>
    protected override void Compute(long start, Span<float> values) => ReadElements(source, start, values);
}

/// <summary>A tensor plus a vector times a factor, both of the same length: a bias with an adapter's.</summary>
internal sealed class ShiftedSource(TensorSource source, float[] shift) : ElementSource(source.Info, source.Origin)
{
    /// <inheritdoc/>
    protected override void Compute(long start, Span<float> values)
    {
        ReadElements(source, start, values);
        System.Numerics.Tensors.TensorPrimitives.Add(values, shift.AsSpan((int)start, values.Length), values);
    }
}
