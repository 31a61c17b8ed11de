using System.Collections.Immutable;
using Merganser.Experiments.Families;
using Merganser.Experiments.Synth;
using Merganser.Weights;
using Merganser.Weights.Methods;

namespace Merganser.Experiments.Studies;

/// <summary>Twin-Merging without its router, arXiv 2406.15479: the shared expert plus a compressed part of the task's own, the task being told.</summary>
public sealed class TwinExperiment : Experiment
{
    private const int Tasks = 8;
    private const double Lambda = 0.3, Density = 0.1;

    /// <inheritdoc/>
    public override string Id => "twin";

    /// <inheritdoc/>
    public override string Title => "Twin-Merging (training-free part)";

    /// <inheritdoc/>
    public override string Paper => "Twin-Merging: Dynamic Integration of Modular Expertise in Model Merging, arXiv 2406.15479";

    /// <inheritdoc/>
    public override string Claim => "A shared expert plus one compressed exclusive part per task, mixed per input, beats the best static merge by 0.10, in at most 30 % of the storage of all experts. The router is not trained here: the right task is told (an upper bound for any router).";

    /// <inheritdoc/>
    public override string Baselines => "the best of averaging, Task Arithmetic (factor chosen) and TSVM, seed by seed; the exclusive parts in equal shares, which must take the gain away.";

    /// <inheritdoc/>
    public override string Budget => "8 seeds, about a minute";

    /// <inheritdoc/>
    public override ExperimentResult Run(ExperimentContext context)
    {
        const string best = "best static merge", told = "Twin, task told", uniform = "Twin, equal shares";
        string column = MergeComparison.Column(Tasks);
        MergeSetting[] settings = [MergeSetting.Averaging, MergeSetting.TaskArithmetic, MergeSetting.Tsvm];
        var comparison = new MergeComparison();
        var storage = new List<double>();
        int[] all = [.. Enumerable.Range(0, Tasks)];
        foreach (int seed in context.Seeds(8))
        {
            SynthFamily family = context.Train(new SynthOptions { Seed = seed, Tasks = Tasks });
            comparison.Add(family, all, column, seed, settings);
            comparison.Add(best, column, settings.Max(setting => comparison[setting.Label, column][^1]));
            comparison.Add(told, column, all.Average(task => family.Normalised(Merge(family, expert => expert == task ? 1 : 0), [task])));
            comparison.Add(uniform, column, family.Normalised(Merge(family, _ => 1.0 / Tasks), all));
            storage.Add(Storage(family));
        }

        return new ExperimentResult(
            [comparison.Table("Normalised accuracy; shared expert: Task Arithmetic λ = 0.3; density 0.1"), comparison.FactorTable()!],
            [
                Finding.Above("Twin with the task told minus the best static merge", comparison.Difference(told, best, column), 0.1),
                Finding.Below("Twin with equal shares minus the best static merge: no gain left", comparison.Difference(uniform, best, column), 0.02),
                Finding.Below("shared expert and all exclusive parts, as a share of all experts' parameters", storage, 0.3),
            ],
            comparison.Plot("Twin-Merging on SynthTasks"))
        { Notes = [MergeComparison.Harness] };
    }

    private static ArrayModel Merge(SynthFamily family, Func<int, double> share)
    {
        var parameters = new ParameterSet().Set("lambda", Lambda).Set("density", Density);
        for (int expert = 0; expert < Tasks; expert++)
            parameters.Set("weight", share(expert), expert);
        return ArrayMerge.Run(MergeMethods.Find("twin")!, family.Base, family.Experts, parameters);
    }

    /// <summary>Numbers stored: the shared expert whole, of every expert its compressed part.</summary>
    private static double Storage(SynthFamily family)
    {
        ArrayModel shared = Merge(family, _ => 0);
        long whole = shared.Sum(tensor => (long)tensor.Value.Values.Length), stored = whole;
        foreach (ArrayModel expert in family.Experts)
        {
            foreach ((string name, (ImmutableArray<long> shape, float[] values)) in expert)
                stored += TwinExpert.Compress([.. values.Zip(shared[name].Values, (own, common) => own - common)], shape, Density).StoredCount;
        }

        return (double)stored / (whole * family.Experts.Count);
    }
}
