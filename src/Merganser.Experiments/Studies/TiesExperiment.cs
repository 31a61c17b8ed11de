using Merganser.Experiments.Families;

namespace Merganser.Experiments.Studies;

/// <summary>TIES-Merging against averaging and Task Arithmetic, arXiv 2306.01708, with a sweep of the share that is kept.</summary>
public sealed class TiesExperiment : Experiment
{
    private static readonly int[] Counts = [2, 4, 8];
    private static readonly int[] Kept = [20, 50, 80, 100];

    /// <inheritdoc/>
    public override string Id => "ties";

    /// <inheritdoc/>
    public override string Title => "TIES-Merging";

    /// <inheritdoc/>
    public override string Paper => "Resolving Interference When Merging Models, arXiv 2306.01708";

    /// <inheritdoc/>
    public override string Claim => "Trimming small changes and electing signs merges better than averaging without validation data, and better than Task Arithmetic with it.";

    /// <inheritdoc/>
    public override string Baselines => "the base, averaging, Task Arithmetic with its factor chosen. The authors' own code loses here, too: nets this small have no redundant 80 % to trim. So the share kept is swept: if trimming is what costs, the loss shrinks as more is kept.";

    /// <inheritdoc/>
    public override string Budget => "8 seeds, about a minute";

    /// <inheritdoc/>
    public override ExperimentResult Run(ExperimentContext context)
    {
        MergeSetting average = MergeSetting.Averaging, arithmetic = MergeSetting.TaskArithmetic;
        MergeSetting[] sweep = [.. Kept.Select(kept => MergeSetting.TiesTuned with { Label = $"TIES K = {kept} %, λ chosen", Options = [("density", kept)] })];
        MergeComparison comparison = MergeComparison.OnSynthTasks(context, 8, Counts, [average, arithmetic, MergeSetting.Ties, .. sweep]);
        string[] columns = [.. Counts.Select(MergeComparison.Column)];
        return new ExperimentResult(
            [comparison.Table("Normalised accuracy"), comparison.FactorTable()!],
            [
                Finding.Above("TIES (K = 20 %, λ = 1) minus averaging, mean of n = 2, 4, 8", comparison.Difference(MergeSetting.Ties.Label, average.Label, columns)),
                Finding.Above("TIES (K = 20 %, λ chosen) minus Task Arithmetic (λ chosen), mean of n = 2, 4, 8", comparison.Difference(sweep[0].Label, arithmetic.Label, columns)),
                Finding.Above("what trimming costs: TIES that keeps 100 % minus TIES that keeps 20 %, both with λ chosen, mean of n = 2, 4, 8", comparison.Difference(sweep[^1].Label, sweep[0].Label, columns)),
            ],
            comparison.Plot("TIES on SynthTasks"))
        { Notes = [MergeComparison.Harness] };
    }
}
