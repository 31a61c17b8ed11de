using System.Globalization;

namespace Merganser.Experiments;

/// <summary>What the figures say about a claim.</summary>
public enum Verdict
{
    /// <summary>The whole confidence interval is where the claim says.</summary>
    Shown,

    /// <summary>The interval reaches to both sides, or there are too few seeds for one.</summary>
    NotShown,

    /// <summary>The whole interval is on the other side: the opposite was shown.</summary>
    Refuted,
}

/// <summary>A claim about a figure that was measured once per seed, and its verdict by the 95 % confidence interval.</summary>
/// <param name="Statement">What is claimed.</param>
/// <param name="Values">The figure, one value per seed; differences are taken within a seed.</param>
/// <param name="From">The figure must be above this.</param>
/// <param name="To">The figure must be below this.</param>
public sealed record Finding(string Statement, IReadOnlyList<double> Values, double From, double To)
{
    /// <summary>The mean over seeds and its interval.</summary>
    public Interval Interval { get; } = Interval.Of(Values);

    /// <summary>Shown when the whole interval lies strictly between the bounds, refuted when all of it lies outside on one side.</summary>
    public Verdict Verdict =>
        double.IsNaN(Interval.Mean) ? Verdict.NotShown
        : Interval.Low > From && Interval.High < To ? Verdict.Shown
        : Interval.High < From || Interval.Low > To ? Verdict.Refuted
        : Verdict.NotShown;

    /// <summary>The verdict in words.</summary>
    public string VerdictText => Verdict switch { Verdict.Shown => "shown", Verdict.Refuted => "not shown (the opposite holds)", _ => "not shown" };

    /// <summary>What is asked of the figure.</summary>
    public string Condition => (double.IsFinite(From), double.IsFinite(To)) switch
    {
        (true, true) => string.Create(CultureInfo.InvariantCulture, $"between {From:0.###} and {To:0.###}"),
        (true, false) => string.Create(CultureInfo.InvariantCulture, $"above {From:0.###}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"below {To:0.###}"),
    };

    /// <summary>A claim that a figure is above a bound.</summary>
    public static Finding Above(string statement, IReadOnlyList<double> values, double bound = 0) => new(statement, values, bound, double.PositiveInfinity);

    /// <summary>A claim that a figure is below a bound.</summary>
    public static Finding Below(string statement, IReadOnlyList<double> values, double bound) => new(statement, values, double.NegativeInfinity, bound);

    /// <summary>A claim that a figure is so small that it does not matter.</summary>
    public static Finding Within(string statement, IReadOnlyList<double> values, double margin) => new(statement, values, -margin, margin);
}
