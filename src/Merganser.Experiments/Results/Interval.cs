namespace Merganser.Experiments;

/// <summary>A mean with its 95 % confidence interval (Student's t).</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Low">The lower limit; −∞ with fewer than two values.</param>
/// <param name="High">The upper limit; +∞ with fewer than two values.</param>
public readonly record struct Interval(double Mean, double Low, double High)
{
    /// <summary>97.5 % quantiles of Student's distribution for 1, 2, … degrees of freedom.</summary>
    private static readonly double[] Quantiles =
    [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];

    /// <summary>The interval of some independent values.</summary>
    public static Interval Of(IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.Count == 0)
            return new Interval(double.NaN, double.NegativeInfinity, double.PositiveInfinity);
        double mean = values.Average();
        if (values.Count == 1)
            return new Interval(mean, double.NegativeInfinity, double.PositiveInfinity);
        double variance = values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1);
        double half = Quantiles[Math.Min(values.Count - 1, Quantiles.Length) - 1] * Math.Sqrt(variance / values.Count);
        return new Interval(mean, mean - half, mean + half);
    }
}
