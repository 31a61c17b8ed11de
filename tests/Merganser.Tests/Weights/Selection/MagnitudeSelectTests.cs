using CsCheck;
using Merganser.Weights;
using Merganser.Weights.Selection;

namespace Merganser.Tests.Weights.Selection;

public sealed class MagnitudeSelectTests
{
    private static readonly Gen<float> Value = Gen.OneOf(
        Gen.Float[-1, 1], Gen.Int[-3, 3].Select(value => (float)value), Gen.Const(0f), Gen.Const(-0f),
        Gen.Int[-5, 5].Select(value => value * float.Epsilon), Gen.Float, Gen.Const(float.PositiveInfinity));

    [Fact]
    public void The_kept_set_is_that_of_a_stable_full_sort() =>
        Gen.Select(Value.Array[0, 300], Gen.Double[-0.1, 1.1], Gen.Int[1, 70], Gen.Int[16, 400]).Sample((values, share, tile, limit) =>
        {
            long kept = (long)(share * values.Length);
            Assert.Equal(Sorted(values, kept), Kept(new MagnitudeSelect(values.Length, kept, limit), values, tile));
        });

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1, 0.5)]
    [InlineData(2, 0.01)]
    [InlineData(3, 0.5)]
    [InlineData(4, 0.5)]
    [InlineData(4, 0.99)]
    [InlineData(5, 0.3)]
    [InlineData(6, 0.3)]
    [InlineData(6, 0.9)]
    public void Large_tensors_of_all_kinds_are_cut_exactly(int kind, double share)
    {
        const int count = 300_001;
        var random = new Random(kind);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = kind switch
            {
                0 => (float)(random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5),
                1 => random.Next(-4, 5),
                2 => i % 7 == 0 ? 0 : (float)random.NextDouble(),
                3 => 1,
                4 => i < count / 2 ? (float)random.NextDouble() : 1000 + (float)random.NextDouble(),
                // Blocks of a sample see one thing, the rest of the tensor another: the bracket must miss.
                5 => i / ScanRequest.BlockElements % ScanRequest.Sample(count, count / 16).Stride == 0 ? 1 + (float)random.NextDouble() : (float)random.NextDouble(),
                _ => i / ScanRequest.BlockElements % ScanRequest.Sample(count, count / 16).Stride == 0 ? float.Epsilon * i : (float)random.NextDouble(),
            };
        }

        long kept = (long)(share * count);
        bool[] expected = Sorted(values, kept);
        Assert.Equal(expected, Kept(new MagnitudeSelect(count, kept), values, 2048));
        Assert.Equal(expected, Kept(new MagnitudeSelect(count, kept, 5000), values, 999));
    }

    [Fact]
    public void A_rank_among_what_is_not_zero_follows_their_number() =>
        Gen.Select(Value.Array[1, 300], Gen.Double[0, 1], Gen.Int[16, 400]).Sample((values, share, limit) =>
        {
            long kept = (long)(share * values.Count(value => value != 0));
            Assert.Equal(Sorted(values, kept), Kept(new MagnitudeSelect(values.Length, varied => (long)(share * varied), limit), values, 64));
        });

    [Fact]
    public void Both_ends_are_dropped_as_in_a_stable_sort() =>
        Gen.Select(Value.Array[1, 200], Gen.Double[0, 1], Gen.Double[0, 1], Gen.Int[1, 70]).Sample((values, first, second, tile) =>
        {
            int top = (int)(first * second * values.Length);
            int bottom = (int)((1 - first) * second * values.Length);
            bool[] outliers = Sorted(values, top);
            bool[] expected = [.. Sorted(values, values.Length - bottom).Select((kept, i) => kept && !outliers[i])];
            var sparsifier = new MiddleSparsifier(values.Length, top, bottom);
            float[] actual = Sparse(sparsifier, values, tile);
            Assert.Equal(values.Select((value, i) => expected[i] ? value : 0), actual);
        });

    /// <summary>Runs a sparsifier as a driver does.</summary>
    internal static float[] Sparse(Sparsifier sparsifier, float[] values, int tile)
    {
        for (ScanRequest request = sparsifier.NextScan(); request != ScanRequest.None; request = sparsifier.NextScan())
            Visit(values, request, tile, part => sparsifier.Scan(part));
        float[] sparse = [.. values];
        sparsifier.BeginPass(isLast: true);
        for (int start = 0; start < values.Length; start += tile)
            sparsifier.Apply(sparse.AsSpan(start, Math.Min(tile, values.Length - start)), start);
        return sparse;
    }

    private static bool[] Kept(MagnitudeSelect select, float[] values, int tile)
    {
        int passes = 0;
        for (ScanRequest request = select.NextScan(); request != ScanRequest.None; request = select.NextScan())
        {
            Assert.True(++passes <= 8, "too many passes");
            Visit(values, request, tile, part => select.Scan(part));
        }

        // Zeros cannot show whether they were kept, so the cut runs over them on its own terms.
        MagnitudeCut cut = select.Cut;
        float[] kept = [.. values];
        cut.Begin();
        for (int start = 0; start < values.Length; start += tile)
            cut.Keep(kept.AsSpan(start, Math.Min(tile, values.Length - start)));
        return [.. kept.Select(value => value != 0)];
    }

    private static void Visit(float[] values, ScanRequest request, int tile, Action<ReadOnlySpan<float>> see)
    {
        int step = request.Stride > 1 ? request.Stride * ScanRequest.BlockElements : tile;
        int length = request.Stride > 1 ? ScanRequest.BlockElements : tile;
        for (int start = 0; start < values.Length; start += step)
            see(values.AsSpan(start, Math.Min(length, values.Length - start)));
    }

    private static bool[] Sorted(float[] values, long kept)
    {
        bool[] result = new bool[values.Length];
        int[] order = [.. Enumerable.Range(0, values.Length).OrderByDescending(i => Math.Abs(values[i])).ThenBy(i => i)];
        foreach (int index in order.Take((int)Math.Clamp(kept, 0, values.Length)))
            result[index] = values[index] != 0;
        return result;
    }
}
