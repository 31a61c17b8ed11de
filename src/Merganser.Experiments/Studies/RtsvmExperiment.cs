using Merganser.Experiments.Families;
using Merganser.Experiments.Synth;

namespace Merganser.Experiments.Studies;

/// <summary>R-TSVM against TSVM when some experts learned from noisy labels, after arXiv 2502.06876.</summary>
public sealed class RtsvmExperiment : Experiment
{
    private const double Noise = 0.2, Margin = 0.01;

    /// <inheritdoc/>
    public override string Id => "r-tsvm";

    /// <inheritdoc/>
    public override string Title => "R-TSVM";

    /// <inheritdoc/>
    public override string Paper => "after Mix Data or Merge Models?, arXiv 2502.06876";

    /// <inheritdoc/>
    public override string Claim => "Weights from outliers and a rank from sparsity make TSVM better when some tasks were learned from noisy data. The paper's formulas could not be had; this is the project's own reading of them.";

    /// <inheritdoc/>
    public override string Baselines => "TSVM; the base, averaging, Task Arithmetic with its factor chosen. A difference within ±0.01 counts as no effect and is asked as well.";

    /// <inheritdoc/>
    public override string Budget => "8 seeds, about a minute";

    /// <inheritdoc/>
    public override ExperimentResult Run(ExperimentContext context)
    {
        MergeSetting tsvm = MergeSetting.Tsvm;
        var reweighted = new MergeSetting("R-TSVM α = 1", "rtsvm");
        var comparison = new MergeComparison();
        int[] counts = [4, 8];
        foreach (int seed in context.Seeds(8))
        {
            foreach (int tasks in counts)
            {
                SynthFamily family = context.Train(new SynthOptions { Seed = seed, Tasks = tasks, LabelNoise = Noise });
                comparison.Add(family, [.. Enumerable.Range(0, tasks)], MergeComparison.Column(tasks), seed, MergeSetting.Averaging, MergeSetting.TaskArithmetic, tsvm, reweighted);
            }
        }

        IReadOnlyList<double> difference = comparison.Difference(reweighted.Label, tsvm.Label, [.. counts.Select(MergeComparison.Column)]);
        return new ExperimentResult(
            [comparison.Table("Normalised accuracy; a fifth of the training labels of every second task is random"), comparison.FactorTable()!],
            [
                Finding.Above("R-TSVM minus TSVM, mean of n = 4, 8", difference),
                Finding.Within("no effect: R-TSVM minus TSVM, mean of n = 4, 8", difference, Margin),
            ],
            comparison.Plot("R-TSVM on SynthTasks with noisy labels"))
        { Notes = [MergeComparison.Harness] };
    }
}
