using Merganser.Experiments;

namespace Merganser.Tests.Experiments;

/// <summary>The verdicts of experiments, on figures made up for the purpose.</summary>
public sealed class FindingTests
{
    [Fact]
    public void A_claim_is_shown_when_the_whole_interval_is_above_the_bound()
    {
        var finding = Finding.Above("x", [0.10, 0.12, 0.11, 0.09]);
        Assert.Equal(Verdict.Shown, finding.Verdict);
        Assert.Equal("shown", finding.VerdictText);
    }

    [Fact]
    public void A_positive_mean_whose_interval_reaches_below_the_bound_is_not_shown()
    {
        var finding = Finding.Above("x", [0.3, -0.1, 0.2, -0.05]);
        Assert.True(finding.Interval.Mean > 0);
        Assert.Equal(Verdict.NotShown, finding.Verdict);
        Assert.Equal("not shown", finding.VerdictText);
    }

    [Fact]
    public void An_interval_on_the_other_side_refutes()
    {
        Assert.Equal(Verdict.Refuted, Finding.Above("x", [-0.1, -0.12, -0.11]).Verdict);
        Assert.Equal(Verdict.Refuted, Finding.Below("x", [0.5, 0.52, 0.51], 0.3).Verdict);
        Assert.Equal(Verdict.Refuted, Finding.Within("x", [0.5, 0.52, 0.51], 0.01).Verdict);
    }

    [Fact]
    public void Equal_figures_do_not_show_that_one_is_larger() =>
        Assert.Equal(Verdict.NotShown, Finding.Above("x", [0, 0, 0, 0]).Verdict);

    [Fact]
    public void One_seed_or_none_shows_nothing()
    {
        Assert.Equal(Verdict.NotShown, Finding.Above("x", [0.9]).Verdict);
        Assert.Equal(Verdict.NotShown, Finding.Above("x", []).Verdict);
        Assert.Equal(Verdict.NotShown, Finding.Above("x", [double.NaN, 1, 2]).Verdict);
    }

    [Fact]
    public void A_small_effect_needs_its_whole_interval_within_the_margin()
    {
        Assert.Equal(Verdict.Shown, Finding.Within("x", [0.001, -0.002, 0.0, 0.001], 0.01).Verdict);
        Assert.Equal(Verdict.NotShown, Finding.Within("x", [0.02, -0.02, 0.015, -0.01], 0.01).Verdict);
    }

    [Fact]
    public void The_interval_is_that_of_Students_distribution()
    {
        // Mean 2.5, standard deviation 1.2910, t(3) = 3.182: 2.5 ± 3.182 · 1.2910 / 2.
        var interval = Interval.Of([1, 2, 3, 4]);
        Assert.Equal(2.5, interval.Mean, 12);
        Assert.Equal(2.5 - 2.054, interval.Low, 3);
        Assert.Equal(2.5 + 2.054, interval.High, 3);
    }

    [Theory]
    [InlineData(1.0, 1.0, "shown")]
    [InlineData(1.0, -1.0, "shown 1 of 2")]
    [InlineData(-1.0, -1.0, "not shown")]
    public void All_claims_together_are_shown_partly_or_not(double first, double second, string expected)
    {
        Finding Make(double sign) => Finding.Above("x", [sign * 0.5, sign * 0.6, sign * 0.55]);
        var result = new ExperimentResult([], [Make(first), Make(second)], new ResultPlot("t", [], "y", []));
        Assert.Equal(expected, result.VerdictText);
    }
}
