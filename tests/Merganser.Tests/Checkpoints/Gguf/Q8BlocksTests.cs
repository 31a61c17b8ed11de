using CsCheck;
using Merganser.Checkpoints.Gguf;

namespace Merganser.Tests.Checkpoints.Gguf;

public sealed class Q8BlocksTests
{
    [Fact]
    public void No_number_moves_by_more_than_half_a_step_and_the_rounding_of_the_scale()
    {
        Gen.Float[-1000, 1000].Array[Q8Blocks.Length].Sample(values =>
        {
            byte[] packed = new byte[Q8Blocks.Bytes];
            float[] back = new float[Q8Blocks.Length];
            Q8Blocks.Quantise(values, packed);
            Q8Blocks.Dequantise(packed, back);
            float scale = values.Max(Math.Abs) / 127;

            // Half a step from rounding to a byte, and 127 times the half's relative rounding error of 2⁻¹¹ (or its smallest step).
            float allowed = (0.5f * scale * 1.0001f) + (127 * Math.Max(scale / 2048, 3e-8f));
            for (int i = 0; i < values.Length; i++)
                Assert.InRange(back[i], values[i] - allowed, values[i] + allowed);
        });
    }

    [Fact]
    public void Whole_numbers_up_to_127_are_exact()
    {
        float[] values = [.. Enumerable.Range(0, 32).Select(i => i == 0 ? -127f : i * 4f)];
        byte[] packed = new byte[Q8Blocks.Bytes];
        float[] back = new float[32];
        Q8Blocks.Quantise(values, packed);
        Q8Blocks.Dequantise(packed, back);
        Assert.Equal(values, back);
    }

    [Fact]
    public void Halves_round_away_from_zero()
    {
        float[] values = new float[32];
        values[0] = 127;
        values[1] = 0.5f;
        values[2] = -2.5f;
        byte[] packed = new byte[Q8Blocks.Bytes];
        Q8Blocks.Quantise(values, packed);
        Assert.Equal([127, 1, -3], packed.Skip(2).Take(3).Select(b => (int)(sbyte)b));
    }

    [Fact]
    public void Zeros_stay_zeros()
    {
        byte[] packed = new byte[Q8Blocks.Bytes];
        float[] back = [.. Enumerable.Repeat(1f, 32)];
        Q8Blocks.Quantise(new float[32], packed);
        Q8Blocks.Dequantise(packed, back);
        Assert.All(back, value => Assert.Equal(0, value));
    }
}
