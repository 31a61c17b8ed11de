using Merganser.Experiments.Families;

namespace Merganser.Experiments.Studies;

/// <summary>PCB-Merging against TIES, arXiv 2410.02396.</summary>
public sealed class PcbExperiment : Experiment
{
    private static readonly int[] Counts = [2, 4, 8];

    /// <inheritdoc/>
    public override string Id => "pcb";

    /// <inheritdoc/>
    public override string Title => "PCB-Merging";

    /// <inheritdoc/>
    public override string Paper => "Parameter Competition Balancing for Model Merging, arXiv 2410.02396";

    /// <inheritdoc/>
    public override string Claim => "Weighing parameters within their task and between tasks merges better than TIES, with the factor of both chosen on validation data.";

    /// <inheritdoc/>
    public override string Baselines => "the base, averaging, TIES, Task Arithmetic. The authors' code stays below Task Arithmetic on tasks like these; that is checked as well.";

    /// <inheritdoc/>
    public override string Budget => "8 seeds, about a minute";

    /// <inheritdoc/>
    public override ExperimentResult Run(ExperimentContext context)
    {
        MergeSetting arithmetic = MergeSetting.TaskArithmetic, ties = MergeSetting.TiesTuned, pcb = MergeSetting.PcbTuned;
        MergeComparison comparison = MergeComparison.OnSynthTasks(context, 8, Counts, MergeSetting.Averaging, arithmetic, ties, pcb);
        string[] columns = [.. Counts.Select(MergeComparison.Column)];
        return new ExperimentResult(
            [comparison.Table("Normalised accuracy"), comparison.FactorTable()!],
            [
                Finding.Above("PCB minus TIES, mean of n = 2, 4, 8", comparison.Difference(pcb.Label, ties.Label, columns)),
                .. columns.Select(column => Finding.Above($"PCB minus TIES, {column}", comparison.Difference(pcb.Label, ties.Label, column))),
                Finding.Above("PCB minus Task Arithmetic, mean of n = 2, 4, 8 (expected to fail here)", comparison.Difference(pcb.Label, arithmetic.Label, columns)),
            ],
            comparison.Plot("PCB-Merging on SynthTasks"))
        { Notes = [MergeComparison.Harness] };
    }
}
