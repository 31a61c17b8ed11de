using CsCheck;
using Merganser.Weights.Selection;

namespace Merganser.Tests.Weights.Selection;

public sealed class DrawStreamTests
{
    private const int Count = 1 << 18;

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.93)]
    public void The_kept_share_is_the_density_within_four_standard_errors(double density)
    {
        for (ulong seed = 0; seed < 8; seed++)
        {
            double share = Kept(new DrawStream(seed, 0, "layer.weight"), density).Count(kept => kept) / (double)Count;
            Assert.InRange(share, density - Error(density), density + Error(density));
        }
    }

    [Fact]
    public void Neighbours_models_tensors_and_seeds_are_uncorrelated()
    {
        bool[] mask = Kept(new DrawStream(7, 0, "layer.weight"), 0.5);
        double limit = 4 / Math.Sqrt(Count);
        for (int distance = 1; distance <= 64; distance++)
            Assert.InRange(Correlation(mask.AsSpan(distance), mask), -limit, limit);
        foreach (DrawStream other in (DrawStream[])[new(7, 1, "layer.weight"), new(7, 0, "layer.bias"), new(8, 0, "layer.weight"), new(6, 1, "layer.weight")])
            Assert.InRange(Correlation(Kept(other, 0.5), mask), -limit, limit);
    }

    [Fact]
    public void Draws_depend_on_the_index_alone() =>
        Gen.Select(Gen.Long[0, (1L << 35)], Gen.Int[1, 100], Gen.ULong, Gen.UInt).Sample((start, count, seed, threshold) =>
            Check(new DrawStream(seed, 3, "x"), start, count, threshold));

    [Theory]
    [InlineData(64)]
    [InlineData(29)]
    [InlineData(0)]
    public void Draws_go_on_where_the_key_changes(int before)
    {
        var stream = new DrawStream(1, 0, "x");
        Check(stream, (1L << 33) - before, 64, 0x60000000);
        Assert.NotEqual(stream.Draw(0), stream.Draw(1L << 33));
    }

    [Fact]
    public void Draws_that_equal_the_threshold_in_the_upper_half_are_decided_by_the_lower_half()
    {
        var stream = new DrawStream(5, 0, "x");
        for (int index = 0; index < 200; index++)
            Check(stream, index, 70, stream.Draw(index + (index % 70)) + (uint)(index % 3) - 1);
    }

    [Fact]
    public void Byte_values_of_draws_are_evenly_spread()
    {
        var stream = new DrawStream(3, 2, "evenly");
        uint[] draws = [.. Enumerable.Range(0, Count).Select(index => stream.Draw(index))];
        for (int shift = 0; shift < 32; shift += 8)
        {
            double expected = Count / 256.0;
            double squares = draws.GroupBy(draw => draw >> shift & 255).Sum(group => (group.Count() - expected) * (group.Count() - expected) / expected);
            // 255 degrees of freedom: mean 255, standard deviation 22.6.
            Assert.InRange(squares, 255 - (5 * 22.6), 255 + (5 * 22.6));
        }
    }

    private static unsafe void Check(DrawStream stream, long start, int count, uint threshold)
    {
        short[] upper = new short[count];
        stream.FillUpper(start, upper);
        float[] kept = new float[count];
        Array.Fill(kept, 1);
        stream.KeepBelow(threshold, start, kept);
        byte* bits = stackalloc byte[(count / 8) + 1 + StoredBits.Spare];
        stream.SelectBelow(threshold, start & ~1L, count, bits);
        for (int i = 0; i < count; i++)
        {
            uint draw = stream.Draw(start + i);
            Assert.Equal(draw >> 16, stream.Upper(start + i));
            Assert.Equal((int)(draw >> 16) - 32768, upper[i]);
            Assert.Equal(draw < threshold ? 1 : 0, kept[i]);
            Assert.Equal(stream.Draw((start & ~1L) + i) < threshold, (bits[i / 8] >> (i % 8) & 1) != 0);
        }
    }

    private static double Error(double density) => 4 * Math.Sqrt(density * (1 - density) / Count);

    private static bool[] Kept(DrawStream stream, double density)
    {
        float[] values = new float[Count];
        Array.Fill(values, 1);
        stream.KeepBelow(DrawStream.Threshold(density), 0, values);
        return [.. values.Select(value => value != 0)];
    }

    private static double Correlation(ReadOnlySpan<bool> a, ReadOnlySpan<bool> b)
    {
        int count = Math.Min(a.Length, b.Length);
        double both = 0, first = 0, second = 0;
        for (int i = 0; i < count; i++)
        {
            both += a[i] && b[i] ? 1 : 0;
            first += a[i] ? 1 : 0;
            second += b[i] ? 1 : 0;
        }

        double covariance = (both / count) - (first / count * second / count);
        return covariance / Math.Sqrt(first / count * (1 - (first / count)) * second / count * (1 - (second / count)));
    }
}
