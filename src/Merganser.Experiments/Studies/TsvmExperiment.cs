using Merganser.Experiments.Families;
using Merganser.Experiments.Synth;

namespace Merganser.Experiments.Studies;

/// <summary>Task singular vectors against tuned Task Arithmetic, arXiv 2412.00081.</summary>
public sealed class TsvmExperiment : Experiment
{
    /// <inheritdoc/>
    public override string Id => "tsvm";

    /// <inheritdoc/>
    public override string Title => "TSVM";

    /// <inheritdoc/>
    public override string Paper => "Task Singular Vectors: Reducing Task Interference in Model Merging, arXiv 2412.00081";

    /// <inheritdoc/>
    public override string Claim => "Merging the leading singular vectors of all tasks after making them orthogonal beats Task Arithmetic, although nothing is tuned (α = 1) and Task Arithmetic's factor is chosen on validation data; from a strong base and from a weak one.";

    /// <inheritdoc/>
    public override string Baselines => "the base, averaging, Task Arithmetic with its factor chosen; the same vectors without orthogonalisation.";

    /// <inheritdoc/>
    public override string Budget => "8 seeds, about a minute";

    /// <inheritdoc/>
    public override ExperimentResult Run(ExperimentContext context)
    {
        MergeSetting arithmetic = MergeSetting.TaskArithmetic, tsvm = MergeSetting.Tsvm;
        var plain = new MergeSetting("same vectors, not orthogonal, α = 1", "tsvm", ("variant", 2));
        var comparison = new MergeComparison();
        (int Tasks, bool Strong)[] cases = [(4, true), (8, true), (8, false)];
        foreach (int seed in context.Seeds(8))
        {
            foreach ((int tasks, bool strong) in cases)
            {
                SynthFamily family = context.Train(new SynthOptions { Seed = seed, Tasks = tasks, StrongBase = strong });
                comparison.Add(family, [.. Enumerable.Range(0, tasks)], Column(tasks, strong), seed, MergeSetting.Averaging, arithmetic, plain, tsvm);
            }
        }

        string[] columns = [.. cases.Select(one => Column(one.Tasks, one.Strong))];
        return new ExperimentResult(
            [comparison.Table("Normalised accuracy"), comparison.FactorTable()!],
            [
                .. columns.Select(column => Finding.Above($"TSVM minus Task Arithmetic, {column}", comparison.Difference(tsvm.Label, arithmetic.Label, column))),
                Finding.Above("orthogonal minus not orthogonal, mean of the three", comparison.Difference(tsvm.Label, plain.Label, columns)),
            ],
            comparison.Plot("TSVM on SynthTasks"))
        { Notes = [MergeComparison.Harness] };
    }

    private static string Column(int tasks, bool strong) => $"n = {tasks}, {(strong ? "strong" : "weak")} base";
}
