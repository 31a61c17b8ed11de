using System.Collections.Immutable;
using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>The top-left part of a matrix.</summary>
internal sealed class SlicedSource : TensorSource
{
    private readonly TensorSource _whole;

    public SlicedSource(TensorSource whole, long rows, long columns)
    {
        if (whole.Info.Shape.Length != 2 || rows > whole.Info.Shape[0] || columns > whole.Info.Shape[1] || rows < 0 || columns < 0)
            throw new ArgumentException($"{whole.Info.Name} {whole.Info.ShapeText} has no part [{rows}, {columns}]", nameof(rows));
        _whole = whole;
        Info = new TensorInfo(whole.Info.Name, whole.Info.DType, [rows, columns]);
    }

    public override TensorInfo Info { get; }

    public override string Origin => _whole.Origin;

    public override (CheckpointFile File, long Offset)? Range => HasWholeRows ? _whole.Range : null;

    private bool HasWholeRows => Info.Shape[1] == _whole.Info.Shape[1];

    public override void Read(long byteOffset, Span<byte> destination)
    {
        if (byteOffset < 0 || byteOffset + destination.Length > Info.ByteCount)
            throw new ArgumentOutOfRangeException(nameof(byteOffset));
        if (HasWholeRows)
        {
            _whole.Read(byteOffset, destination);
            return;
        }

        int size = Info.DType.Size();
        long rowBytes = Info.Shape[1] * size, wholeRowBytes = _whole.Info.Shape[1] * size;
        while (!destination.IsEmpty)
        {
            (long row, long start) = Math.DivRem(byteOffset, rowBytes);
            int count = (int)Math.Min(destination.Length, rowBytes - start);
            _whole.Read((row * wholeRowBytes) + start, destination[..count]);
            destination = destination[count..];
            byteOffset += count;
        }
    }
}

/// <summary>A matrix with the rows that it lacks taken from the base.</summary>
internal sealed class PaddedSource(TensorSource rows, TensorSource filler) : TensorSource
{
    public override TensorInfo Info { get; } = new(rows.Info.Name, rows.Info.DType, ImmutableArray.Create(filler.Info.Shape.AsSpan()));

    public override string Origin => rows.Origin;

    public override void Read(long byteOffset, Span<byte> destination)
    {
        long own = rows.Info.ByteCount;
        if (byteOffset < own)
        {
            int count = (int)Math.Min(destination.Length, own - byteOffset);
            rows.Read(byteOffset, destination[..count]);
            destination = destination[count..];
            byteOffset += count;
        }

        if (!destination.IsEmpty)
            filler.Read(byteOffset, destination);
    }
}
