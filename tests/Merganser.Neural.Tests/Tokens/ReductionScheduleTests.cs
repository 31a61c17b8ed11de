using Merganser.Neural.Tokens;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>How many tokens leave where.</summary>
public sealed class ReductionScheduleTests
{
    [Theory]
    [InlineData("8", new long[] { 8, 8, 8, 8 })]
    [InlineData("2.5", new long[] { 2, 3, 2, 3 })]
    [InlineData("8@-1", new long[] { 16, 10, 5, 0 })]
    [InlineData("8@0", new long[] { 8, 8, 8, 8 })]
    [InlineData("[4, 3]", new long[] { 4, 3, 0, 0 })]
    public void Schedules_are_read(string text, long[] expected)
    {
        ReductionSchedule schedule = ReductionSchedule.Parse(text);
        Assert.Equal(expected, Enumerable.Range(0, 4).Select(block => schedule.Removed(block, 4, 197)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("8@2")]
    [InlineData("8@1@1")]
    [InlineData("[1,x]")]
    [InlineData("[1,-2]")]
    [InlineData("nan")]
    [InlineData("99999999999999999999")]
    public void Anything_else_is_an_error_that_shows_the_forms(string text) =>
        Assert.Contains("8@-1", Assert.Throws<MerganserException>(() => ReductionSchedule.Parse(text)).Message);

    [Fact]
    public void A_ratio_loses_none_to_rounding() => Assert.Equal(10, ReductionSchedule.Keep(0.9).Removed(0, 1, 100));

    [Fact]
    public void One_block_gets_the_mean() => Assert.Equal(8, ReductionSchedule.Inflected(8, -1).Removed(0, 1, 197));

    [Fact]
    public void A_target_is_reached()
    {
        var schedule = ReductionSchedule.Target(50);
        long count = 197;
        for (int block = 0; block < 12; block++)
            count -= schedule.Removed(block, 12, count);
        Assert.Equal(50, count);
    }

    [Fact]
    public void A_list_longer_than_the_model_is_an_error() =>
        Assert.Contains("3 numbers", Assert.Throws<ArgumentException>(() => ReductionSchedule.List(1, 1, 1).Removed(0, 2, 9)).Message);

    [Fact]
    public void Values_out_of_range_are_errors()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ReductionSchedule.Constant(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => ReductionSchedule.Keep(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => ReductionSchedule.Keep(1.01));
        Assert.Throws<ArgumentOutOfRangeException>(() => ReductionSchedule.Keep(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => ReductionSchedule.Inflected(4, -1.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => ReductionSchedule.Target(0));
    }
}
