using Merganser.Neural.Models.Embeddings;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Embeddings;

/// <summary>Each pooling against numbers worked out by hand.</summary>
public sealed class TokenPoolingTests
{
    [Theory]
    [InlineData(Pooling.Cls, 1, -2, 5, 7)]
    [InlineData(Pooling.Max, 3, 4, 5, 7)]
    [InlineData(Pooling.Mean, 2, 1, 5, 7)]
    [InlineData(Pooling.MeanSqrt, 2.8284271, 1.4142136, 5, 7)]
    [InlineData(Pooling.WeightedMean, 2.3333333, 2, 5, 7)]
    [InlineData(Pooling.Last, 3, 4, 5, 7)]
    public void A_pooling_counts_the_tokens_of_the_mask(Pooling pooling, double a, double b, double c, double d)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor hidden = tensor((float[])[1, -2, 3, 4, 99, 99, 5, 7, 99, 99, 99, 99], [2, 3, 2]), mask = tensor((long[])[1, 1, 0, 1, 0, 0], [2, 3]);
        float[] result = [.. TokenPooling.Apply(hidden, mask, pooling).data<float>()];
        Assert.Equal([(float)a, (float)b, (float)c, (float)d], result, (x, y) => Math.Abs(x - y) < 1e-6);
    }

    [Fact]
    public void Rows_of_length_one_and_a_zero_row_that_stays()
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal([0.6f, 0.8f, 0, 0], [.. TokenPooling.Unit(tensor((float[])[3, 4, 0, 0], [2, 2])).data<float>()]);
    }
}
