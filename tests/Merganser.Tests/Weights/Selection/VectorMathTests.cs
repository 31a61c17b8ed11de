using System.Runtime.Intrinsics;
using CsCheck;
using Merganser.Weights.Selection;

namespace Merganser.Tests.Weights.Selection;

public sealed class VectorMathTests
{
    [Fact]
    public void Exponential_is_near_the_double_one() => Gen.Float[-87, 88].Array[8].Sample(x =>
    {
        Vector256<float> actual = VectorMath.Exp(Vector256.Create<float>(x));
        for (int i = 0; i < 8; i++)
            Assert.True(Math.Abs((actual[i] / Math.Exp(x[i])) - 1) < 2.5e-7, $"exp({x[i]:R}) = {actual[i]:R}");
    });

    [Fact]
    public void Hyperbolic_tangent_is_near_the_double_one_at_every_scale() => Gen.Select(Gen.Float[-12, 12].Array[8], Gen.Int[-100, 0]).Sample((x, scale) =>
    {
        for (int i = 0; i < 8; i++)
            x[i] = MathF.ScaleB(x[i], i % 2 == 0 ? scale : 0);
        Vector256<float> actual = VectorMath.Tanh(Vector256.Create<float>(x));
        for (int i = 0; i < 8; i++)
            Assert.True(Math.Abs(actual[i] - Math.Tanh(x[i])) <= 2.5e-7 * Math.Abs(Math.Tanh(x[i])), $"tanh({x[i]:R}) = {actual[i]:R}");
    });

    [Fact]
    public void Ends_of_spans_are_padded_and_nothing_beyond_is_written()
    {
        float[] values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        Vector256<float> end = VectorMath.Load(values, 8);
        Assert.Equal(Vector256.Create(9f, 10, 11, 0, 0, 0, 0, 0), end);
        float[] copy = new float[10];
        VectorMath.Store(end, copy.AsSpan(0, 9), 7);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 9, 10, 0], copy);
    }
}
