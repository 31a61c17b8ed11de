using CsCheck;
using Merganser.Weights.Selection;

namespace Merganser.Tests.Weights.Selection;

public sealed class OrderStatisticsTests
{
    [Fact]
    public void Ranks_are_those_of_sorting() => Gen.Select(Gen.Float[-2, 2].Array[1, 400], Gen.Int[0, 1000], Gen.Int[0, 1000]).Sample((values, first, second) =>
    {
        for (int i = 0; i < values.Length; i += 3)
            values[i] = values[0];
        long[] ranks = [first % values.Length, second % values.Length, values.Length / 2];
        var statistics = new OrderStatistics(ranks);
        for (int pass = 0; pass < 2; pass++)
        {
            int quarter = values.Length / 4;
            Parallel.For(0, 4, part => statistics.Observe(values.AsSpan()[(part * quarter)..(part == 3 ? values.Length : (part + 1) * quarter)]));
            statistics.EndPass();
        }

        float[] sorted = [.. values.Order()];
        for (int i = 0; i < ranks.Length; i++)
            Assert.Equal(sorted[ranks[i]], statistics[i]);
    });
}
