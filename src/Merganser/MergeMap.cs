namespace Merganser;

/// <summary>
/// Which inputs go into which output, and with what weight: sources 0..n−1 to groups 0..m−1. The sources may be the tokens
/// of an image, the positions of a cache, the rows of an embedding table, the units of a layer or mentions of an entity;
/// what finds the groups is a method, and where rows are merged is another matter: both only share this value.
/// </summary>
/// <remarks>
/// Every source belongs to one group or to none (it is dropped, as in pruning); groups partition the sources that are not
/// dropped. Weights are finite and not negative; the mass of a group is the sum of the weights of its members. A map never
/// changes after it was made and may be used by several threads. Making one costs O(n + m); applying it allocates nothing.
/// Misuse throws <see cref="ArgumentException"/> or one of its kind.
/// </remarks>
public sealed partial class MergeMap
{
    /// <summary>The group of a source that goes into no output.</summary>
    public const int Dropped = -1;

    private readonly int[] _groups;
    private readonly float[] _weights;
    private readonly float[] _masses;

    // Members by group: those of group g are _members[_starts[g].._starts[g + 1]], in ascending order.
    private readonly int[] _starts;
    private readonly int[] _members;

    /// <summary>Takes over both arrays.</summary>
    private MergeMap(int[] groups, float[] weights, int groupCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(groupCount);
        if (weights.Length != groups.Length)
            throw new ArgumentException($"there are {groups.Length} sources but {weights.Length} weights", nameof(weights));
        _groups = groups;
        _weights = weights;
        _masses = new float[groupCount];
        _starts = new int[groupCount + 1];
        for (int source = 0; source < groups.Length; source++)
        {
            int group = groups[source];
            if (group < Dropped || group >= groupCount)
                throw new ArgumentOutOfRangeException(nameof(groups), $"source {source} is in group {group}; groups are 0 to {groupCount - 1}, or {Dropped} for none");
            if (!float.IsFinite(weights[source]) || weights[source] < 0)
                throw new ArgumentOutOfRangeException(nameof(weights), $"the weight of source {source} is {weights[source]:R}; it must be finite and not negative");
            if (group == Dropped)
                continue;
            _masses[group] += weights[source];
            _starts[group + 1]++;
        }

        for (int group = 0; group < groupCount; group++)
            _starts[group + 1] += _starts[group];
        _members = new int[_starts[groupCount]];
        int[] next = _starts.AsSpan(0, groupCount).ToArray();
        for (int source = 0; source < groups.Length; source++)
        {
            if (groups[source] != Dropped)
                _members[next[groups[source]]++] = source;
        }
    }

    /// <summary>The number of inputs, dropped ones included.</summary>
    public int SourceCount => _groups.Length;

    /// <summary>The number of outputs.</summary>
    public int GroupCount => _masses.Length;

    /// <summary>The number of sources that are in no group.</summary>
    public int DroppedCount => _groups.Length - _members.Length;

    /// <summary>The group of each source, or <see cref="Dropped"/>.</summary>
    public ReadOnlySpan<int> Groups => _groups;

    /// <summary>The weight of each source.</summary>
    public ReadOnlySpan<float> Weights => _weights;

    /// <summary>The total weight of each group.</summary>
    public ReadOnlySpan<float> Masses => _masses;

    /// <summary>True when every source is alone in its group, no group is empty and none is dropped.</summary>
    public bool IsPermutation
    {
        get
        {
            if (SourceCount != GroupCount || DroppedCount != 0)
                return false;
            for (int group = 0; group < GroupCount; group++)
            {
                if (SizeOf(group) != 1)
                    return false;
            }

            return true;
        }
    }

    /// <summary>The group of a source, or <see cref="Dropped"/>.</summary>
    public int GroupOf(int source) => _groups[source];

    /// <summary>The number of sources in a group.</summary>
    public int SizeOf(int group) => _starts[group + 1] - _starts[group];

    /// <summary>The sources of a group in ascending order.</summary>
    public ReadOnlySpan<int> MembersOf(int group) => _members.AsSpan(_starts[group], SizeOf(group));
}
