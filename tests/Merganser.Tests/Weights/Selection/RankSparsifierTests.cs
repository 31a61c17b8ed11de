using CsCheck;
using Merganser.Weights.Selection;

namespace Merganser.Tests.Weights.Selection;

public sealed class RankSparsifierTests
{
    private static readonly Gen<float> Value = Gen.OneOf(
        Gen.Float[-1, 1], Gen.Int[-3, 3].Select(value => value / 8f), Gen.Int[-5, 5].Select(value => value * float.Epsilon), Gen.Const(100f));

    [Fact]
    public void Lazy_ranks_give_the_mask_of_a_stable_sort() =>
        Gen.Select(Value.Array[1, 400], Gen.Double[0.2, 0.8], Gen.Double[0, 0.19], Gen.ULong).Sample((row, density, epsilon, seed) =>
            Check(row, row.Length, 1, density, epsilon, seed));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Long_rows_agree_too(int kind)
    {
        var random = new Random(kind);
        float[] values = new float[4 * 5000];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = kind switch
            {
                0 => (float)(random.NextDouble() + random.NextDouble() - 1),
                1 => 0.25f,
                2 => i % 1000 == 0 ? float.PositiveInfinity : (float)random.NextDouble(),
                _ => random.Next(-20, 21) / 64f,
            };
        }

        Check(values, 5000, 1, 0.5, 0.2, 11);
    }

    [Fact]
    public void Tensors_of_more_axes_are_ranked_along_the_second() =>
        Gen.Select(Gen.Int[1, 4], Gen.Int[1, 30], Gen.Int[2, 5], Gen.ULong).SelectMany(shape =>
            Value.Array[shape.Item1 * shape.Item2 * shape.Item3].Select(values => (shape, values))).Sample(sample =>
                Check(sample.values, sample.shape.Item2, sample.shape.Item3, 0.5, 0.3, sample.shape.Item4));

    [Fact]
    public void Large_changes_survive_more_often_and_the_mean_is_the_density()
    {
        const int rows = 400;
        const int length = 500;
        float[] values = [.. Enumerable.Range(0, rows * length).Select(i => 1f + (i % length))];
        var sparsifier = new RankSparsifier(new DrawStream(0, 0, "x"), 0.5, 0.3, rows * length, length, 1);
        sparsifier.Apply(values, 0);
        double small = 0;
        double large = 0;
        for (int i = 0; i < values.Length; i++)
        {
            small += i % length < length / 10 && values[i] != 0 ? 1 : 0;
            large += i % length >= length - (length / 10) && values[i] != 0 ? 1 : 0;
        }

        double cell = rows * length / 10.0;
        Assert.InRange(small / cell, 0.23 - 0.014, 0.23 + 0.014);
        Assert.InRange(large / cell, 0.77 - 0.014, 0.77 + 0.014);
        Assert.InRange(values.Count(value => value != 0) / (double)values.Length, 0.5 - 0.005, 0.5 + 0.005);
    }

    private static void Check(float[] values, int length, int stride, double density, double epsilon, ulong seed)
    {
        var draws = new DrawStream(seed, 1, "rows");
        float[] actual = [.. values];
        float[] again = [.. values];
        var sparsifier = new RankSparsifier(draws, density, epsilon, values.Length, length, stride);
        sparsifier.BeginPass(isLast: false);
        sparsifier.Apply(actual, 0);
        sparsifier.BeginPass(isLast: true);
        sparsifier.Apply(again, 0);
        Assert.Equal(actual, again);

        float lowest = (float)(density - epsilon);
        float slope = (float)((length - 1) / (2 * epsilon));
        for (int start = 0; start < values.Length; start += length * stride)
        {
            for (int column = 0; column < stride; column++)
            {
                int[] indices = [.. Enumerable.Range(0, length).Select(i => start + (i * stride) + column).OrderBy(i => Math.Abs(values[i])).ThenBy(i => i)];
                for (int rank = 0; rank < length; rank++)
                {
                    int index = indices[rank];
                    bool kept = length < 2 || !float.IsFinite(slope)
                        ? draws.Draw(index) < DrawStream.Threshold(density)
                        : rank > ((draws.Upper(index) + 0.5f) / 65536 - lowest) * slope;
                    Assert.Equal(kept ? values[index] : 0, actual[index]);
                }
            }
        }
    }
}
