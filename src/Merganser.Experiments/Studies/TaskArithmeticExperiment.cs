using Merganser.Experiments.Families;

namespace Merganser.Experiments.Studies;

/// <summary>Task Arithmetic against averaging, "Editing Models with Task Arithmetic", arXiv 2212.04089.</summary>
public sealed class TaskArithmeticExperiment : Experiment
{
    private static readonly int[] Counts = [2, 4, 8];

    /// <inheritdoc/>
    public override string Id => "task-arithmetic";

    /// <inheritdoc/>
    public override string Title => "Task Arithmetic";

    /// <inheritdoc/>
    public override string Paper => "Editing Models with Task Arithmetic, arXiv 2212.04089";

    /// <inheritdoc/>
    public override string Claim => "The sum of the experts' changes with one factor chosen on validation data keeps more of the experts' accuracy than their average, and than the base.";

    /// <inheritdoc/>
    public override string Baselines => "the base; averaging (Model Soups, arXiv 2203.05482), which is the same sum with the factor 1/n.";

    /// <inheritdoc/>
    public override string Budget => "8 seeds, about a minute";

    /// <inheritdoc/>
    public override ExperimentResult Run(ExperimentContext context)
    {
        MergeSetting tuned = MergeSetting.TaskArithmetic, average = MergeSetting.Averaging;
        MergeComparison comparison = MergeComparison.OnSynthTasks(context, 8, Counts, average, tuned);
        string[] columns = [.. Counts.Select(MergeComparison.Column)];
        return new ExperimentResult(
            [comparison.Table("Normalised accuracy"), comparison.FactorTable()!],
            [
                Finding.Above("Task Arithmetic minus averaging, mean of n = 2, 4, 8", comparison.Difference(tuned.Label, average.Label, columns)),
                Finding.Above("Task Arithmetic minus base, mean of n = 2, 4, 8", comparison.Difference(tuned.Label, "base", columns)),
            ],
            comparison.Plot("Task Arithmetic and averaging on SynthTasks"))
        { Notes = [MergeComparison.Harness] };
    }
}
