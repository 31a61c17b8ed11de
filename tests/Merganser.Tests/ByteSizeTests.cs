namespace Merganser.Tests;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData("30000", 30_000)]
    [InlineData("5B", 5_000_000_000)]
    [InlineData("5GB", 5_000_000_000)]
    [InlineData("5 gb", 5_000_000_000)]
    [InlineData("2GiB", 2L << 30)]
    [InlineData("1.5MiB", 3L << 19)]
    [InlineData("500M", 500_000_000)]
    [InlineData("500MB", 500_000_000)]
    [InlineData("7k", 7_000)]
    [InlineData("3T", 3_000_000_000_000)]
    [InlineData("0", 0)]
    public void Sizes_are_read_as_people_mean_them(string text, long bytes) => Assert.Equal(bytes, ByteSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("GB")]
    [InlineData("-5GB")]
    [InlineData("five")]
    [InlineData("5XB")]
    [InlineData("1e3")]
    [InlineData("9999999999TB")]
    public void What_is_no_size_is_refused(string text) =>
        Assert.Contains("is no size", Assert.Throws<MerganserException>(() => ByteSize.Parse(text)).Message);

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1_000, "1.00 kB")]
    [InlineData(2_200_096_768, "2.20 GB")]
    [InlineData(999_999_999, "1.00 GB")]
    [InlineData(45_600_000, "45.6 MB")]
    public void Sizes_are_written_with_three_digits(long bytes, string text) => Assert.Equal(text, ByteSize.Format(bytes));
}
