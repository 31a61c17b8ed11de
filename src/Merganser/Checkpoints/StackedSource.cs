namespace Merganser.Checkpoints;

/// <summary>Tensors of one type, one after the other.</summary>
internal sealed class StackedSource : TensorSource
{
    private readonly TensorSource[] _parts;

    public StackedSource(TensorInfo info, IEnumerable<TensorSource> parts)
    {
        Info = info;
        _parts = [.. parts];
        if (_parts.Any(part => part.Info.DType != info.DType) || _parts.Sum(part => part.Info.ByteCount) != info.ByteCount)
            throw new ArgumentException("the parts do not make up the whole", nameof(parts));
    }

    /// <inheritdoc/>
    public override TensorInfo Info { get; }

    /// <inheritdoc/>
    public override string Origin => _parts[0].Origin;

    /// <inheritdoc/>
    public override void Read(long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, Info.ByteCount - byteOffset);
        foreach (TensorSource part in _parts)
        {
            if (destination.IsEmpty)
                return;
            if (byteOffset >= part.Info.ByteCount)
            {
                byteOffset -= part.Info.ByteCount;
                continue;
            }

            int length = (int)Math.Min(destination.Length, part.Info.ByteCount - byteOffset);
            part.Read(byteOffset, destination[..length]);
            destination = destination[length..];
            byteOffset = 0;
        }
    }
}
