using System.Collections.Immutable;

namespace Merganser.Checkpoints.Analysis;

/// <summary>A tensor that both checkpoints have in different shapes.</summary>
/// <param name="Name">The name.</param>
/// <param name="First">The shape in the first.</param>
/// <param name="Second">The shape in the second.</param>
public sealed record ShapeDifference(string Name, string First, string Second);

/// <summary>What differs between two checkpoints, tensor by tensor.</summary>
/// <param name="Tensors">The tensors that both have in the same shape, layers in counting order.</param>
/// <param name="OnlyInFirst">Names that the second lacks.</param>
/// <param name="OnlyInSecond">Names that the first lacks.</param>
/// <param name="Shapes">Tensors whose shapes differ.</param>
public sealed record CheckpointDifference(
    ImmutableArray<TensorComparison> Tensors, ImmutableArray<string> OnlyInFirst, ImmutableArray<string> OnlyInSecond, ImmutableArray<ShapeDifference> Shapes)
{
    /// <summary>True when both have the same tensors with the same values (element types may differ).</summary>
    public bool IsEqual => OnlyInFirst.IsEmpty && OnlyInSecond.IsEmpty && Shapes.IsEmpty && Tensors.All(tensor => tensor.IsEqual);

    /// <summary>Compares two checkpoints.</summary>
    /// <param name="first">The checkpoint that differences are relative to.</param>
    /// <param name="second">The other one.</param>
    /// <param name="filter">Compare only tensors whose names hold this text; null for all.</param>
    /// <param name="progress">Gets the number of bytes read since the last report.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="MerganserException">A file cannot be read.</exception>
    public static CheckpointDifference Compute(Checkpoint first, Checkpoint second, string? filter = null, IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        bool Wanted(string name) => filter is null || name.Contains(filter, StringComparison.Ordinal);
        List<(TensorSource A, TensorSource B)> pairs = [];
        List<ShapeDifference> shapes = [];
        foreach (TensorSource a in first.Tensors.Values.Where(tensor => Wanted(tensor.Info.Name)).OrderBy(tensor => tensor.Info.Name, NaturalOrder.Comparer))
        {
            if (!second.Tensors.TryGetValue(a.Info.Name, out TensorSource? b))
                continue;
            if (a.Info.SameShape(b.Info))
                pairs.Add((a, b));
            else
                shapes.Add(new ShapeDifference(a.Info.Name, a.Info.ShapeText, b.Info.ShapeText));
        }

        return new CheckpointDifference(
            [.. TensorComparison.Compute(pairs, progress, cancellation)],
            [.. Missing(first, second).Where(Wanted)],
            [.. Missing(second, first).Where(Wanted)],
            [.. shapes]);
    }

    private static IEnumerable<string> Missing(Checkpoint here, Checkpoint there) =>
        here.Tensors.Keys.Where(name => !there.Tensors.ContainsKey(name)).Order(NaturalOrder.Comparer);
}
