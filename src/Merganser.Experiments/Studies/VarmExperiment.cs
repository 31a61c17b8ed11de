using Merganser.Experiments.Families;
using Merganser.Experiments.Synth;

namespace Merganser.Experiments.Studies;

/// <summary>VaRM against averaging, arXiv 2402.16107, and what it does with an expert that was trained longer.</summary>
public sealed class VarmExperiment : Experiment
{
    /// <inheritdoc/>
    public override string Id => "varm";

    /// <inheritdoc/>
    public override string Title => "FuseChat VaRM";

    /// <inheritdoc/>
    public override string Paper => "FuseChat: Knowledge Fusion of Chat Models v1, arXiv 2402.16107";

    /// <inheritdoc/>
    public override string Claim => "Weights computed from how much every matrix moved merge better than averaging, with nothing to tune; experts that learned more count more.";

    /// <inheritdoc/>
    public override string Baselines => "averaging, TIES with its factor chosen.";

    /// <inheritdoc/>
    public override string Budget => "8 seeds, about two minutes";

    /// <inheritdoc/>
    public override ExperimentResult Run(ExperimentContext context)
    {
        MergeSetting average = MergeSetting.Averaging, ties = MergeSetting.TiesTuned, weighted = MergeSetting.Varm;
        var comparison = new MergeComparison();
        var first = new MergeComparison();
        int[] counts = [4, 8];
        foreach (int seed in context.Seeds(8))
        {
            foreach (int tasks in counts)
            {
                int[] all = [.. Enumerable.Range(0, tasks)];
                comparison.Add(context.Train(new SynthOptions { Seed = seed, Tasks = tasks }), all, MergeComparison.Column(tasks), seed, ties, average, weighted);
                SynthFamily uneven = context.Train(new SynthOptions { Seed = seed, Tasks = tasks, FirstTaskFactor = 4 });
                foreach (MergeSetting setting in (MergeSetting[])[average, weighted])
                {
                    MergeOutcome outcome = setting.Apply(uneven, all, seed);
                    first.Add($"{setting.Label}, the task trained longer", MergeComparison.Column(tasks), uneven.Normalised(outcome.Model, [0]));
                    first.Add($"{setting.Label}, the others", MergeComparison.Column(tasks), uneven.Normalised(outcome.Model, all[1..]));
                }
            }
        }

        string[] columns = [.. counts.Select(MergeComparison.Column)];
        return new ExperimentResult(
            [comparison.Table("Normalised accuracy"), first.Table("One expert trained four times as long: that task and the others")],
            [
                Finding.Above("VaRM minus averaging, mean of n = 4, 8", comparison.Difference(weighted.Label, average.Label, columns)),
                Finding.Above("the mechanism: the task trained four times as long, VaRM minus averaging", first.Difference($"{weighted.Label}, the task trained longer", $"{average.Label}, the task trained longer", columns)),
            ],
            first.Plot("VaRM: one expert trained four times as long"))
        { Notes = [MergeComparison.Harness] };
    }
}
