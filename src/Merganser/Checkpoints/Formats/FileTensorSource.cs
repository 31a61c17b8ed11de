namespace Merganser.Checkpoints.Formats;

/// <summary>A tensor whose bytes are a range of a file.</summary>
internal sealed class FileTensorSource(TensorInfo info, CheckpointFile file, long offset) : TensorSource
{
    public override TensorInfo Info => info;

    public override string Origin => file.Path;

    public override (CheckpointFile File, long Offset)? Range => (file, offset);

    public override void Read(long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, info.ByteCount - destination.Length);
        file.Read(offset + byteOffset, destination);
    }
}
