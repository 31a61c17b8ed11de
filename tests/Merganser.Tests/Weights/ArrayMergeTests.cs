using Merganser.Weights;
using Merganser.Weights.Methods;

namespace Merganser.Tests.Weights;

public sealed class ArrayMergeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2048)]
    [InlineData(100_003)]
    public void Linear_gives_the_weighted_mean_at_every_element(int count)
    {
        float[] a = [.. Enumerable.Range(0, count).Select(i => (float)i)];
        float[] b = [.. Enumerable.Range(0, count).Select(i => 3f * i)];
        ParameterSet parameters = new ParameterSet().Set("weight", 1, 0).Set("weight", 3, 1);
        ArrayModel merged = ArrayMerge.Run(
            new Linear(), null, [new ArrayModel().With("x", [count], a), new ArrayModel().With("x", [count], b)], parameters);
        Assert.Equal(a.Select(value => 2.5f * value), merged["x"].Values);
    }

    [Fact]
    public void A_missing_weight_is_named()
    {
        ArrayModel model = new ArrayModel().With("x", [1], [1f]);
        MerganserException e = Assert.Throws<MerganserException>(() => ArrayMerge.Run(new Linear(), null, [model], new ParameterSet()));
        Assert.Contains("'weight'", e.Message, StringComparison.Ordinal);
    }
}
