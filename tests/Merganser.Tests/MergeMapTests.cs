using CsCheck;

namespace Merganser.Tests;

public sealed class MergeMapTests
{
    private const int Width = 5;

    private static readonly Gen<float> Weight = Gen.Float[0.1f, 2f];

    /// <summary>Any map with a given number of sources: dropped sources, empty groups and single members occur.</summary>
    private static Gen<MergeMap> MapOf(int sources) =>
        from groups in Gen.Int[1, 12]
        from clusters in Gen.Int[-1, groups - 1].Array[sources]
        from weights in Weight.Array[sources]
        select sources == 0 ? MergeMap.FromClusters([], groups) : MergeMap.FromClusters(clusters, groups, weights);

    private static readonly Gen<MergeMap> Map = Gen.Int[0, 30].SelectMany(MapOf);

    private static Gen<float[]> Rows(int count) => Gen.Float[-10f, 10f].Array[count * Width];

    [Fact]
    public void Groups_partition_the_kept_sources() => Map.Sample(map =>
    {
        var seen = new List<int>();
        for (int group = 0; group < map.GroupCount; group++)
        {
            Assert.Equal(map.SizeOf(group), map.MembersOf(group).Length);
            foreach (int source in map.MembersOf(group))
            {
                Assert.Equal(group, map.GroupOf(source));
                seen.Add(source);
            }
        }

        IEnumerable<int> kept = Enumerable.Range(0, map.SourceCount).Where(source => map.GroupOf(source) != MergeMap.Dropped);
        Assert.Equal(kept, seen.Order());
        Assert.Equal(map.SourceCount - seen.Count, map.DroppedCount);
    });

    [Fact]
    public void Sums_conserve_the_mass() =>
        Map.SelectMany(map => Rows(map.SourceCount).Select(rows => (map, rows))).Sample((map, rows) =>
        {
            float[] merged = new float[map.GroupCount * Width];
            map.Sum(rows, Width, merged);
            for (int column = 0; column < Width; column++)
            {
                double before = 0, after = 0;
                for (int source = 0; source < map.SourceCount; source++)
                    before += map.GroupOf(source) == MergeMap.Dropped ? 0 : (double)map.Weights[source] * rows[source * Width + column];
                for (int group = 0; group < map.GroupCount; group++)
                    after += merged[group * Width + column];
                Assert.Equal(before, after, 1e-3);
            }
        });

    [Fact]
    public void Means_times_masses_are_the_sums() =>
        Map.SelectMany(map => Rows(map.SourceCount).Select(rows => (map, rows))).Sample((map, rows) =>
        {
            float[] sums = new float[map.GroupCount * Width], means = new float[map.GroupCount * Width];
            map.Sum(rows, Width, sums);
            map.Mean(rows, Width, means);
            for (int i = 0; i < sums.Length; i++)
                Assert.Equal(sums[i], means[i] * map.Masses[i / Width], 1e-3f);
        });

    [Fact]
    public void Applying_a_composition_equals_applying_twice() =>
        (from first in Map
         from second in MapOf(first.GroupCount)
         from rows in Rows(first.SourceCount)
         select (first, second, rows)).Sample((first, second, rows) =>
        {
            MergeMap both = MergeMap.Compose(first, second);
            float[] middle = new float[first.GroupCount * Width], stepwise = new float[second.GroupCount * Width], once = new float[stepwise.Length];
            first.Sum(rows, Width, middle);
            second.Sum(middle, Width, stepwise);
            both.Sum(rows, Width, once);
            AssertClose(stepwise, once);

            float[] ones = new float[first.SourceCount], sizes = new float[first.GroupCount], stepSizes = new float[second.GroupCount];
            Array.Fill(ones, 1f);
            first.Mean(rows, ones, Width, middle, sizes);
            second.Mean(middle, sizes, Width, stepwise, stepSizes);
            both.Mean(rows, Width, once);
            AssertClose(stepwise, once);
            AssertClose(stepSizes, both.Masses);
        });

    [Fact]
    public void Composing_is_associative() =>
        (from a in Map
         from b in MapOf(a.GroupCount)
         from c in MapOf(b.GroupCount)
         select (a, b, c)).Sample((a, b, c) =>
        {
            MergeMap left = MergeMap.Compose(MergeMap.Compose(a, b), c), right = MergeMap.Compose(a, MergeMap.Compose(b, c));
            Assert.Equal(left.Groups, right.Groups);
            Assert.Equal(left.GroupCount, right.GroupCount);
            for (int source = 0; source < left.SourceCount; source++)
            {
                if (left.GroupOf(source) != MergeMap.Dropped)
                    Assert.Equal(left.Weights[source], right.Weights[source], 1e-5f);
            }
        });

    [Fact]
    public void Applying_then_unapplying_gives_back_the_untouched_rows() =>
        Map.SelectMany(map => Rows(map.SourceCount).Select(rows => (map, rows))).Sample((map, rows) =>
        {
            float[] merged = new float[map.GroupCount * Width], restored = new float[rows.Length];
            Array.Fill(restored, -77f);
            map.Mean(rows, Width, merged);
            map.Unapply(merged, Width, restored);
            for (int source = 0; source < map.SourceCount; source++)
            {
                int group = map.GroupOf(source);
                ReadOnlySpan<float> row = restored.AsSpan(source * Width, Width);
                if (group == MergeMap.Dropped)
                    Assert.False(row.ContainsAnyExcept(-77f));
                else if (map.SizeOf(group) == 1)
                    Assert.Equal(rows.AsSpan(source * Width, Width), row);
                else
                    Assert.Equal(merged.AsSpan(group * Width, Width), row);
            }
        });

    [Fact]
    public void The_inverse_of_a_permutation_undoes_it() =>
        Gen.Int[0, 20].SelectMany(n => Gen.Shuffle(Enumerable.Range(0, n).ToArray())).Sample(order =>
        {
            MergeMap map = MergeMap.FromPermutation(order);
            Assert.True(map.IsPermutation);
            Assert.Equal(MergeMap.Identity(order.Length).Groups, MergeMap.Compose(map, map.Inverse()).Groups);
            float[] rows = [.. order.Select(value => (float)value)], sorted = new float[order.Length];
            map.Inverse().Mean(rows, 1, sorted);
            Assert.Equal(Enumerable.Range(0, order.Length).Select(value => (float)value), sorted);
        });

    [Fact]
    public void A_permutation_gathers_and_a_selection_drops_the_rest()
    {
        float[] output = new float[3];
        MergeMap.FromPermutation([2, 0, 1]).Mean([10, 20, 30], 1, output);
        Assert.Equal([30f, 10f, 20f], output);
        MergeMap kept = MergeMap.FromSelection(5, [4, 1]);
        kept.Mean([0, 1, 2, 3, 4], 1, output.AsSpan(0, 2));
        Assert.Equal([4f, 1f], output.AsSpan(0, 2));
        Assert.Equal(3, kept.DroppedCount);
    }

    [Fact]
    public void Pairs_join_their_destinations_and_the_others_keep_their_order()
    {
        MergeMap map = MergeMap.FromPairs(6, [(1, 0), (3, 4), (5, 0)]);
        Assert.Equal([0, 0, 1, 2, 2, 0], map.Groups);
        Assert.Equal([3f, 1f, 2f], map.Masses);
        float[] output = new float[3];
        map.Mean([0, 1, 2, 3, 4, 5], 1, output);
        Assert.Equal([2f, 2f, 3.5f], output);
        map.Max([0, 1, 2, 3, 4, 5], 1, output);
        Assert.Equal([5f, 2f, 4f], output);
    }

    [Fact]
    public void Pooling_cuts_runs_and_grid_windows_with_smaller_ones_at_the_edge()
    {
        Assert.Equal([0, 0, 0, 1, 1], MergeMap.FromPooling(5, 3).Groups);
        MergeMap grid = MergeMap.FromPooling(3, 3, 2, 2);
        Assert.Equal([0, 0, 1, 0, 0, 1, 2, 2, 3], grid.Groups);
        Assert.Equal([4f, 2f, 2f, 1f], grid.Masses);
        Assert.Equal(0, MergeMap.FromPooling(0, 4, 2, 2).GroupCount);
    }

    [Fact]
    public void A_group_without_mass_is_a_row_of_zeros()
    {
        MergeMap map = MergeMap.FromClusters([0, 0, 1], 3, [0, 0, 2]);
        float[] output = [9, 9, 9];
        map.Mean([1, 2, 3], 1, output);
        Assert.Equal([0f, 3f, 0f], output);
    }

    [Fact]
    public void Misuse_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => MergeMap.FromClusters([0, 2], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => MergeMap.FromClusters([0, -2], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => MergeMap.FromClusters([0], 1, [float.NaN]));
        Assert.Throws<ArgumentOutOfRangeException>(() => MergeMap.FromClusters([0], 1, [-1f]));
        Assert.Throws<ArgumentException>(() => MergeMap.FromClusters([0], 1, [1f, 1f]));
        Assert.Throws<ArgumentException>(() => MergeMap.FromPairs(3, [(0, 1), (0, 2)]));
        Assert.Throws<ArgumentException>(() => MergeMap.FromPairs(3, [(0, 1), (1, 2)]));
        Assert.Throws<ArgumentException>(() => MergeMap.FromPairs(3, [(1, 1)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => MergeMap.FromPairs(3, [(1, 3)]));
        Assert.Throws<ArgumentException>(() => MergeMap.FromPermutation([0, 0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => MergeMap.FromPooling(4, 0));
        Assert.Throws<ArgumentException>(() => MergeMap.Compose(MergeMap.Identity(3), MergeMap.Identity(4)));
        Assert.Throws<InvalidOperationException>(() => MergeMap.FromPooling(4, 2).Inverse());
        float[] rows = new float[6];
        Assert.Throws<ArgumentException>(() => MergeMap.Identity(3).Mean(rows, 3, new float[9]));
        Assert.Throws<ArgumentException>(() => MergeMap.Identity(3).Mean(rows, 2, new float[5]));
        Assert.Throws<ArgumentException>(() => MergeMap.Identity(3).Sum(rows, 2, rows));
    }

    [Fact]
    public void Applying_and_unapplying_allocate_nothing()
    {
        MergeMap map = MergeMap.FromPairs(197, [.. Enumerable.Range(0, 40).Select(i => (2 * i, 2 * i + 1))]);
        const int width = 64;
        float[] rows = new float[197 * width], merged = new float[map.GroupCount * width], sizes = new float[197], mergedSizes = new float[map.GroupCount];
        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run()
        {
            map.Sum(rows, width, merged);
            map.Mean(rows, width, merged);
            map.Mean(rows, sizes, width, merged, mergedSizes);
            map.Max(rows, width, merged);
            map.Unapply(merged, width, rows);
        }
    }

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-4f * Math.Max(1, Math.Abs(expected[i])), $"{i}: {expected[i]} and {actual[i]}");
    }
}
