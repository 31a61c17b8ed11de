using System.Numerics.Tensors;

namespace Merganser;

/// <content>
/// Rows are row-major: sources [n, width], groups [m, width]. Destinations belong to the caller and must not overlap the
/// rows that are read. Members are added in ascending order, so results do not depend on threads.
/// </content>
public sealed partial class MergeMap
{
    /// <summary>Weighted sum: <c>out[g] = Σ wᵢ x[i]</c> over the members of g; zeros for an empty group.</summary>
    public void Sum(ReadOnlySpan<float> rows, int width, Span<float> destination)
    {
        Check(rows, SourceCount, destination, GroupCount, width);
        for (int group = 0; group < GroupCount; group++)
            AddMembers(rows, width, _weights, group, destination.Slice(group * width, width));
    }

    /// <summary>Weighted mean: <c>out[g] = Σ wᵢ x[i] / Σ wᵢ</c>; zeros for a group without mass. A member that is alone is copied bit by bit.</summary>
    public void Mean(ReadOnlySpan<float> rows, int width, Span<float> destination)
    {
        Check(rows, SourceCount, destination, GroupCount, width);
        for (int group = 0; group < GroupCount; group++)
            MeanOfMembers(rows, width, _weights, group, _masses[group], destination.Slice(group * width, width));
    }

    /// <summary>
    /// Mean of rows that already stand for several things each: <c>out[g] = Σ wᵢ sᵢ x[i] / Σ wᵢ sᵢ</c>. Merging in steps with
    /// sizes carried along equals merging once with the composed map.
    /// </summary>
    /// <param name="rows">[n, width].</param>
    /// <param name="sizes">What each row stands for, n numbers; replaced by <c>wᵢ sᵢ</c>.</param>
    /// <param name="width">The length of a row.</param>
    /// <param name="destination">[m, width].</param>
    /// <param name="destinationSizes">What each output stands for, m numbers: <c>Σ wᵢ sᵢ</c>.</param>
    public void Mean(ReadOnlySpan<float> rows, Span<float> sizes, int width, Span<float> destination, Span<float> destinationSizes)
    {
        Check(rows, SourceCount, destination, GroupCount, width);
        Check(sizes, SourceCount, destinationSizes, GroupCount, 1);
        TensorPrimitives.Multiply(sizes, _weights, sizes);
        for (int group = 0; group < GroupCount; group++)
        {
            float mass = 0;
            foreach (int source in MembersOf(group))
                mass += sizes[source];
            destinationSizes[group] = mass;
            MeanOfMembers(rows, width, sizes, group, mass, destination.Slice(group * width, width));
        }
    }

    /// <summary>Largest value per column, whatever the weights: for masks and "which source is where". Zeros for an empty group.</summary>
    public void Max(ReadOnlySpan<float> rows, int width, Span<float> destination)
    {
        Check(rows, SourceCount, destination, GroupCount, width);
        for (int group = 0; group < GroupCount; group++)
        {
            Span<float> output = destination.Slice(group * width, width);
            ReadOnlySpan<int> members = MembersOf(group);
            if (members.IsEmpty)
            {
                output.Clear();
                continue;
            }

            rows.Slice(members[0] * width, width).CopyTo(output);
            foreach (int source in members[1..])
                TensorPrimitives.Max(output, rows.Slice(source * width, width), output);
        }
    }

    /// <summary>Gives every source the row of its group: <c>out[i] = y[group of i]</c>. Rows of dropped sources are left as they are.</summary>
    public void Unapply(ReadOnlySpan<float> groupRows, int width, Span<float> destination)
    {
        Check(groupRows, GroupCount, destination, SourceCount, width);
        for (int source = 0; source < _groups.Length; source++)
        {
            int group = _groups[source];
            if (group != Dropped)
                groupRows.Slice(group * width, width).CopyTo(destination.Slice(source * width, width));
        }
    }

    private void MeanOfMembers(ReadOnlySpan<float> rows, int width, ReadOnlySpan<float> weights, int group, float mass, Span<float> output)
    {
        ReadOnlySpan<int> members = MembersOf(group);
        if (members.Length == 1 && mass != 0)
        {
            rows.Slice(members[0] * width, width).CopyTo(output);
            return;
        }

        AddMembers(rows, width, weights, group, output);
        if (mass != 0)
            TensorPrimitives.Divide(output, mass, output);
    }

    private void AddMembers(ReadOnlySpan<float> rows, int width, ReadOnlySpan<float> weights, int group, Span<float> output)
    {
        output.Clear();
        foreach (int source in MembersOf(group))
            TensorPrimitives.MultiplyAdd(rows.Slice(source * width, width), weights[source], output, output);
    }

    private static void Check(ReadOnlySpan<float> from, int fromRows, Span<float> to, int toRows, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(width);
        if (from.Length != (long)fromRows * width)
            throw new ArgumentException($"{from.Length} values were given; {fromRows} rows of {width} are {(long)fromRows * width}");
        if (to.Length != (long)toRows * width)
            throw new ArgumentException($"the destination holds {to.Length} values; {toRows} rows of {width} are {(long)toRows * width}");
        if (from.Overlaps(to))
            throw new ArgumentException("the destination overlaps the rows that are read");
    }
}
