using Merganser.Experiments.Families;
using Merganser.Experiments.Synth;
using Merganser.Weights;

namespace Merganser.Tests.Experiments;

/// <summary>The synthetic tasks: the matrix product, the gradients, and that training teaches.</summary>
public sealed class SynthTests
{
    private static readonly SynthOptions Small = new() { Seed = 4, Tasks = 3, Width = 32, ExpertSteps = 120, TrainSamples = 600, TestSamples = 400 };

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(5, 7, 6)]
    [InlineData(8, 33, 16)]
    [InlineData(13, 20, 49)]
    public void The_product_is_that_of_the_definition_transposed_or_not(int m, int k, int n)
    {
        var random = new SynthRandom(1);
        float[] a = random.Normals(m * k, 1), b = random.Normals(k * n, 1), plain = new float[m * n], transposed = new float[m * n];
        SingleGemm.Multiply(a, k, 1, b, plain, m, k, n);
        float[] turned = new float[m * k]; // [k, m]
        for (int row = 0; row < m; row++)
        {
            for (int depth = 0; depth < k; depth++)
                turned[(depth * m) + row] = a[(row * k) + depth];
        }

        SingleGemm.Multiply(turned, 1, m, b, transposed, m, k, n);
        SingleGemm.Multiply(a, k, 1, b, transposed, m, k, n, accumulate: true);
        for (int row = 0; row < m; row++)
        {
            for (int column = 0; column < n; column++)
            {
                double sum = 0;
                for (int depth = 0; depth < k; depth++)
                    sum += (double)a[(row * k) + depth] * b[(depth * n) + column];
                Assert.Equal(sum, plain[(row * n) + column], 1e-4);
                Assert.Equal(2 * sum, transposed[(row * n) + column], 1e-4);
            }
        }
    }

    [Fact]
    public void Experts_are_better_at_their_task_than_the_base_and_than_each_other()
    {
        SynthFamily family = SynthFamily.Train(Small);
        int[] tasks = [.. Enumerable.Range(0, family.Tasks.Count)];
        double own = tasks.Average(task => family.OwnScore(task));
        Assert.True(own > tasks.Average(task => family.Score(family.Base, task)) + 0.05, $"{own}");
        Assert.True(own > tasks.Average(task => family.Score(family.Experts[(task + 1) % 3], task)) + 0.1, $"{own}");
    }

    [Fact]
    public void Equal_options_give_equal_families_whatever_ran_before()
    {
        SynthFamily first = SynthFamily.Train(Small), second = SynthFamily.Train(Small);
        Assert.Equal(first.Experts[2]["trunk.1.weight"].Values, second.Experts[2]["trunk.1.weight"].Values);
    }

    [Fact]
    public void Task_arithmetic_with_one_over_n_is_averaging()
    {
        SynthFamily family = SynthFamily.Train(Small);
        ArrayModel average = MergeSetting.Averaging.Apply(family, [0, 1, 2], 1).Model;
        var third = new MergeSetting("x", "task_arithmetic", ("weight", 1)) { Factors = [1.0 / 3] };
        ArrayModel sum = third.Apply(family, [0, 1, 2], 1).Model;
        foreach ((string name, (_, float[] values)) in average)
            Assert.All(values.Zip(sum[name].Values), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    [Fact]
    public void One_expert_alone_scores_one()
    {
        SynthFamily family = SynthFamily.Train(Small);
        Assert.Equal(1, family.Normalised(MergeSetting.Averaging.Apply(family, [1], 1).Model, [1]), 12);
    }
}
