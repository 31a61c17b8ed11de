using CsCheck;
using Merganser.Weights;
using Merganser.Weights.Methods;

namespace Merganser.Tests.Weights;

public sealed class PcbBalanceTests
{
    private const int Length = 256;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Bounds_from_a_sample_are_those_of_seeing_everything(bool ties) => Gen.Select(Gen.Int[0, 1 << 20], Gen.Double[0.01, 0.9], Gen.Int[1, 3]).Sample((seed, ratio, tasks) =>
    {
        var random = new Random(seed);
        float[][] inputs = [.. Enumerable.Range(0, tasks + 1).Select(task => Changes(random, task > 0, ties))];
        float[] whole = Merge(inputs, ratio, long.MaxValue, out _);
        float[] sampled = Merge(inputs, ratio, inputs[0].Length / 4, out bool sufficed);
        Assert.Equal(whole, sampled);
        return sufficed;
    }, iter: 20, threads: 1, writeLine: _ => { });

    [Fact]
    public void A_sample_that_misleads_is_noticed()
    {
        // The sampled blocks, every fourth, hold small changes only.
        var random = new Random(3);
        float[][] inputs = [new float[40_000], Changes(random, true, false), Changes(random, true, false)];
        for (int task = 1; task < 3; task++)
        {
            for (int i = 0; i < inputs[0].Length; i++)
                inputs[task][i] *= i / Length % 4 == 0 ? 0.01f : 1;
        }

        float[] whole = Merge(inputs, 0.1, long.MaxValue, out _);
        float[] sampled = Merge(inputs, 0.1, inputs[0].Length / 4, out bool sufficed);
        Assert.False(sufficed);
        for (int i = 0; i < whole.Length; i++)
            Assert.Equal(whole[i], sampled[i]);
    }

    private static float[] Changes(Random random, bool changed, bool ties)
    {
        float[] values = new float[40_000];
        for (int i = 0; changed && i < values.Length; i++)
        {
            float value = (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 0.1);
            values[i] = ties ? MathF.Round(value * 100) / 128 : value;
        }

        return values;
    }

    private static unsafe float[] Merge(float[][] inputs, double ratio, long sample, out bool sufficed)
    {
        int tasks = inputs.Length - 1, count = inputs[0].Length;
        var balance = new PcbBalance(tasks, count, PcbVariant.Main, ratio, 0.01, sample);
        float[] result = new float[count];
        float** pointers = stackalloc float*[inputs.Length];
        for (ScanRequest request = balance.NextScan(); request != ScanRequest.None; request = balance.NextScan())
            Stream(request.Stride, write: false);
        Stream(1, write: true);
        sufficed = balance.SurveySufficed;
        return result;

        void Stream(int stride, bool write)
        {
            float* output = stackalloc float[Length];
            float* memory = stackalloc float[Length * (tasks + 1)];
            for (int start = 0; start < count; start += stride * Length)
            {
                int part = Math.Min(Length, count - start);
                for (int input = 0; input <= tasks; input++)
                {
                    pointers[input] = memory + (input * Length);
                    inputs[input].AsSpan(start, part).CopyTo(new Span<float>(pointers[input], part));
                }

                var tile = new Tile(start, part, pointers, tasks, write ? output : null);
                if (!write)
                {
                    balance.Scan(tile);
                    continue;
                }

                float[] lambdas = new float[tasks];
                Array.Fill(lambdas, 1.2f);
                balance.Apply(tile, lambdas);
                new Span<float>(output, part).CopyTo(result.AsSpan(start));
            }
        }
    }
}
