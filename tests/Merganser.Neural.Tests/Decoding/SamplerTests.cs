using Merganser.Neural.Decoding;

namespace Merganser.Neural.Tests.Decoding;

/// <summary>The cuts of the sampler, counted over many draws.</summary>
public sealed class SamplerTests
{
    private static readonly float[] Logits = [.. new[] { 0.4, 0.3, 0.2, 0.1 }.Select(p => (float)Math.Log(p))];

    private static double[] Shares(GenerationOptions options, int draws = 20_000)
    {
        var sampler = new Sampler(options);
        double[] shares = new double[Logits.Length];
        for (int i = 0; i < draws; i++)
            shares[sampler.Next(Logits)] += 1.0 / draws;
        return shares;
    }

    private static void Near(double[] expected, double[] shares)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.InRange(shares[i], expected[i] - 0.015, expected[i] + 0.015);
    }

    [Fact]
    public void Draws_follow_the_probabilities() => Near([0.4, 0.3, 0.2, 0.1], Shares(new GenerationOptions { Temperature = 1 }));

    [Fact]
    public void Temperature_divides_the_logits()
    {
        double[] squares = [0.16, 0.09, 0.04, 0.01];
        Near([.. squares.Select(p => p / squares.Sum())], Shares(new GenerationOptions { Temperature = 0.5 }));
    }

    [Fact]
    public void Top_k_keeps_the_first_k() => Near([4 / 7.0, 3 / 7.0, 0, 0], Shares(new GenerationOptions { Temperature = 1, TopK = 2 }));

    [Fact]
    public void Top_p_keeps_the_smallest_set_that_reaches_p() => Near([4 / 9.0, 3 / 9.0, 2 / 9.0, 0], Shares(new GenerationOptions { Temperature = 1, TopP = 0.71 }));

    [Fact]
    public void Min_p_keeps_what_has_a_share_of_the_greatest() => Near([4 / 9.0, 3 / 9.0, 2 / 9.0, 0], Shares(new GenerationOptions { Temperature = 1, MinP = 0.45 }));

    [Fact]
    public void Greedy_takes_the_lowest_of_equal_ids() => Assert.Equal(1, new Sampler(new GenerationOptions()).Next([0, 2, 2, 1]));

    [Fact]
    public void The_penalty_divides_positive_and_multiplies_negative_logits()
    {
        var sampler = new Sampler(new GenerationOptions { RepetitionPenalty = 4 });
        Assert.Equal(0, sampler.Next([2, 1]));
        Assert.Equal(1, sampler.Next([2, 1]));
        var negative = new Sampler(new GenerationOptions { RepetitionPenalty = 4 });
        negative.Saw(0);
        Assert.Equal(1, negative.Next([-1, -2]));
    }

    [Theory]
    [InlineData("top-p")]
    [InlineData("min-p")]
    [InlineData("temperature")]
    [InlineData("top-k")]
    [InlineData("repetition-penalty")]
    [InlineData("max-new-tokens")]
    public void A_value_out_of_range_names_its_option(string option)
    {
        GenerationOptions wrong = option switch
        {
            "top-p" => new() { TopP = 0 },
            "min-p" => new() { MinP = 1 },
            "temperature" => new() { Temperature = -1 },
            "top-k" => new() { TopK = -1 },
            "repetition-penalty" => new() { RepetitionPenalty = 0 },
            _ => new() { MaxNewTokens = 0 },
        };
        Assert.Contains(option, Assert.Throws<MerganserException>(() => wrong.Validate()).Message, StringComparison.Ordinal);
    }
}
