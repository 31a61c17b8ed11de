namespace Merganser;

public sealed partial class MergeMap
{
    /// <summary>Every source is its own group.</summary>
    public static MergeMap Identity(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        int[] groups = new int[count];
        for (int source = 0; source < count; source++)
            groups[source] = source;
        return new MergeMap(groups, Ones(count), count);
    }

    /// <summary>Any assignment: <paramref name="clusters"/> holds the group of each source, or <see cref="Dropped"/>.</summary>
    /// <param name="clusters">One entry per source, 0 to <paramref name="clusterCount"/> − 1.</param>
    /// <param name="clusterCount">The number of groups; groups may be empty.</param>
    /// <param name="weights">One weight per source; left out, all are 1.</param>
    public static MergeMap FromClusters(ReadOnlySpan<int> clusters, int clusterCount, ReadOnlySpan<float> weights = default) =>
        new(clusters.ToArray(), WeightsOrOnes(weights, clusters.Length), clusterCount);

    /// <summary>
    /// Merges pairs, as bipartite matching finds them: each source of a pair goes into the group of its destination, all
    /// others stay alone. Groups keep the order of the sources that stay; another order comes from composing with
    /// <see cref="FromPermutation"/>.
    /// </summary>
    /// <exception cref="ArgumentException">A source occurs twice, or a destination is itself merged away.</exception>
    public static MergeMap FromPairs(int sourceCount, ReadOnlySpan<(int Source, int Destination)> pairs, ReadOnlySpan<float> weights = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sourceCount);
        int[] groups = new int[sourceCount];
        foreach ((int source, int destination) in pairs)
        {
            if ((uint)source >= (uint)sourceCount || (uint)destination >= (uint)sourceCount)
                throw new ArgumentOutOfRangeException(nameof(pairs), $"pair {source} -> {destination}: sources are 0 to {sourceCount - 1}");
            if (groups[source] == Dropped)
                throw new ArgumentException($"source {source} is merged twice", nameof(pairs));
            groups[source] = Dropped;
        }

        int count = 0;
        for (int source = 0; source < sourceCount; source++)
            groups[source] = groups[source] == Dropped ? Dropped : count++;

        // Destinations were numbered just now; sources of pairs are still unnumbered, which shows a chain of pairs.
        foreach ((int source, int destination) in pairs)
        {
            if (groups[destination] == Dropped || destination == source)
                throw new ArgumentException($"pair {source} -> {destination}: the destination is itself merged away", nameof(pairs));
        }

        int[] merged = (int[])groups.Clone();
        foreach ((int source, int destination) in pairs)
            merged[source] = groups[destination];
        return new MergeMap(merged, WeightsOrOnes(weights, sourceCount), count);
    }

    /// <summary>Merges runs of <paramref name="window"/> neighbours; the last run may be shorter.</summary>
    public static MergeMap FromPooling(int sourceCount, int window) => FromPooling(1, sourceCount, 1, window);

    /// <summary>Merges windows of a grid in row-major order; windows at the right and lower edge may be smaller.</summary>
    public static MergeMap FromPooling(int height, int width, int windowHeight, int windowWidth)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(height);
        ArgumentOutOfRangeException.ThrowIfNegative(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(windowHeight);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(windowWidth);
        int columns = CountWindows(width, windowWidth);
        int[] groups = new int[checked(height * width)];
        for (int row = 0, source = 0; row < height; row++)
        {
            for (int column = 0; column < width; column++)
                groups[source++] = row / windowHeight * columns + column / windowWidth;
        }

        return new MergeMap(groups, Ones(groups.Length), groups.Length == 0 ? 0 : CountWindows(height, windowHeight) * columns);
    }

    /// <summary>Reorders: output i is source <paramref name="permutation"/>[i].</summary>
    /// <exception cref="ArgumentException">An index is missing or occurs twice.</exception>
    public static MergeMap FromPermutation(ReadOnlySpan<int> permutation) => FromSelection(permutation.Length, permutation);

    /// <summary>Prunes: output i is source <paramref name="kept"/>[i], all other sources are dropped.</summary>
    /// <exception cref="ArgumentException">An index occurs twice or is out of range.</exception>
    public static MergeMap FromSelection(int sourceCount, ReadOnlySpan<int> kept)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sourceCount);
        int[] groups = new int[sourceCount];
        Array.Fill(groups, Dropped);
        for (int group = 0; group < kept.Length; group++)
        {
            int source = kept[group];
            if ((uint)source >= (uint)sourceCount)
                throw new ArgumentOutOfRangeException(nameof(kept), $"entry {group} is source {source}; sources are 0 to {sourceCount - 1}");
            if (groups[source] != Dropped)
                throw new ArgumentException($"source {source} is kept twice, as outputs {groups[source]} and {group}", nameof(kept));
            groups[source] = group;
        }

        return new MergeMap(groups, Ones(sourceCount), kept.Length);
    }

    /// <summary>The same groups with other weights.</summary>
    public MergeMap WithWeights(ReadOnlySpan<float> weights) => new(_groups, weights.ToArray(), GroupCount);

    /// <summary>
    /// One map for two in sequence: the groups of <paramref name="first"/> are the sources of <paramref name="second"/>.
    /// The weight of a source is the product of its own and its group's; a source dropped by either is dropped.
    /// </summary>
    /// <exception cref="ArgumentException">The second map does not have as many sources as the first has groups.</exception>
    public static MergeMap Compose(MergeMap first, MergeMap second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (first.GroupCount != second.SourceCount)
            throw new ArgumentException($"the first map makes {first.GroupCount} groups, the second takes {second.SourceCount} sources", nameof(second));
        int[] groups = new int[first.SourceCount];
        float[] weights = new float[first.SourceCount];
        for (int source = 0; source < groups.Length; source++)
        {
            int middle = first._groups[source];
            groups[source] = middle == Dropped ? Dropped : second._groups[middle];
            weights[source] = middle == Dropped ? first._weights[source] : first._weights[source] * second._weights[middle];
        }

        return new MergeMap(groups, weights, second.GroupCount);
    }

    /// <summary>The permutation that undoes this one.</summary>
    /// <exception cref="InvalidOperationException">This map merges or drops sources.</exception>
    public MergeMap Inverse() =>
        IsPermutation ? FromPermutation(_groups) : throw new InvalidOperationException("only a permutation has an inverse; this map merges or drops sources");

    private static int CountWindows(int extent, int window) => (int)(((long)extent + window - 1) / window);

    private static float[] WeightsOrOnes(ReadOnlySpan<float> weights, int count) => weights.IsEmpty ? Ones(count) : weights.ToArray();

    private static float[] Ones(int count)
    {
        float[] ones = new float[count];
        Array.Fill(ones, 1f);
        return ones;
    }
}
