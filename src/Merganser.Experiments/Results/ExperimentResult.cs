namespace Merganser.Experiments;

/// <summary>What a run found.</summary>
/// <param name="Tables">The figures, at least one table.</param>
/// <param name="Findings">The claims, the paper's own first.</param>
/// <param name="Plot">The picture.</param>
public sealed record ExperimentResult(IReadOnlyList<ResultTable> Tables, IReadOnlyList<Finding> Findings, ResultPlot Plot)
{
    /// <summary>Where and how it was measured, and what else must be said: one paragraph each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Single measurements, one JSON object per line, for whoever wants to compute further; null when the tables hold everything.</summary>
    public IReadOnlyList<string>? Lines { get; init; }

    /// <summary>All claims together: "shown", "not shown" or "shown 1 of 3".</summary>
    public string VerdictText
    {
        get
        {
            int shown = Findings.Count(finding => finding.Verdict == Verdict.Shown);
            return shown == Findings.Count ? "shown" : shown == 0 ? "not shown" : $"shown {shown} of {Findings.Count}";
        }
    }
}
