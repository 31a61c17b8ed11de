using System.Collections.Immutable;

namespace Merganser.Checkpoints;

/// <summary>Name, element type and shape of a tensor; says nothing of where its bytes are.</summary>
/// <param name="Name">The name in the checkpoint.</param>
/// <param name="DType">The element type.</param>
/// <param name="Shape">The dimensions, row-major; empty for a scalar.</param>
public sealed record TensorInfo(string Name, DType DType, ImmutableArray<long> Shape)
{
    /// <summary>The number of elements; 1 for a scalar.</summary>
    public long ElementCount { get; } = Shape.Aggregate(1L, (count, extent) => checked(count * extent));

    /// <summary>The number of bytes.</summary>
    public long ByteCount => checked(ElementCount * DType.Size());

    /// <summary>The length of the last axis; 1 for a scalar.</summary>
    public long RowLength => Shape.IsEmpty ? 1 : Shape[^1];

    /// <summary>The shape as people write it, for example <c>[4096, 1024]</c>.</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";

    /// <summary>True when both have the same dimensions.</summary>
    public bool SameShape(TensorInfo other) => Shape.AsSpan().SequenceEqual(other.Shape.AsSpan());
}
