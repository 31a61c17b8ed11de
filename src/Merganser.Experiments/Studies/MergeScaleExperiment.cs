using System.Globalization;
using Merganser.Experiments.Families;
using Merganser.Experiments.Synth;
using Merganser.Weights;

namespace Merganser.Experiments.Studies;

/// <summary>The study "What Matters for Model Merging at Scale?", arXiv 2410.03617, on synthetic tasks: method × size × quality of the base × number of experts.</summary>
public sealed class MergeScaleExperiment : Experiment
{
    private const int Tasks = 8, Middle = 128;
    private static readonly int[] Widths = [32, Middle, 512];
    private static readonly int[] Counts = [2, 4, 8];

    private static readonly MergeSetting[] Methods = [MergeSetting.Averaging, MergeSetting.TaskArithmetic, MergeSetting.DareTies, MergeSetting.TiesTuned];

    /// <inheritdoc/>
    public override string Id => "merge-scale";

    /// <inheritdoc/>
    public override string Title => "What matters for merging at scale";

    /// <inheritdoc/>
    public override string Paper => "What Matters for Model Merging at Scale?, arXiv 2410.03617";

    /// <inheritdoc/>
    public override string Claim => "Experts of a strong base merge better than those of a weak one; more experts cost accuracy on their tasks; with size, the methods differ less; on tasks that nobody was trained on, merging beats the base and, with many large experts, the multitask model.";

    /// <inheritdoc/>
    public override string Baselines => "averaging, Task Arithmetic, DARE-TIES and TIES beside one another; the base; a model trained on all tasks together with as many steps as the experts had.";

    /// <inheritdoc/>
    public override string Budget => "5 seeds, 4 families each (widths 32, 128, 512; a weak base at 128), about ten minutes";

    /// <inheritdoc/>
    public override ExperimentResult Run(ExperimentContext context)
    {
        var heldIn = new MergeComparison();
        var heldOut = new MergeComparison();
        var lines = new List<string>();
        (int Width, bool Strong)[] families = [.. Widths.Select(width => (width, true)), (Middle, false)];
        foreach (int seed in context.Seeds(5))
        {
            foreach ((int width, bool strong) in families)
            {
                SynthFamily family = context.Train(new SynthOptions { Seed = seed, Tasks = Tasks, Width = width, StrongBase = strong });
                double baseScore = family.HeldOutTasks.Average(task => family.Score(family.Base, task));
                foreach (int count in Counts)
                {
                    // The first experts: the sets of 2, 4 and 8 are nested, and the same for all methods, sizes and bases.
                    int[] experts = [.. Enumerable.Range(0, count)];
                    string column = Column(width, strong, count);
                    Record("base", family.Base, 1);
                    foreach (MergeSetting setting in Methods)
                    {
                        MergeOutcome outcome = setting.Apply(family, experts, seed);
                        Record(setting.Label, outcome.Model, outcome.Factor);
                    }

                    if (count == Tasks)
                        Record("multitask", family.Multitask(count, context.Cancellation), 1);

                    void Record(string label, ArrayModel model, double factor)
                    {
                        double inside = family.Normalised(model, experts), outside = family.HeldOutTasks.Average(task => family.Score(model, task)) - baseScore;
                        heldIn.Add(label, column, inside);
                        heldOut.Add(label, column, outside);
                        lines.Add(string.Create(CultureInfo.InvariantCulture, $"{{\"seed\":{seed},\"width\":{width},\"base\":\"{(strong ? "strong" : "weak")}\",\"experts\":{count},\"method\":\"{label}\",\"factor\":{factor:R},\"held_in\":{inside:R},\"held_out_minus_base\":{outside:R}}}"));
                    }
                }
            }
        }

        return new ExperimentResult(
            [heldIn.Table("Held-in: normalised accuracy on the tasks of the merged experts"), heldOut.Table("Held-out: accuracy on two tasks that nobody was trained on, minus that of the base")],
            Findings(heldIn, heldOut),
            new ResultPlot("Held-in by width and number of experts, strong base", [.. Widths.SelectMany(width => Counts.Select(count => $"{width}/{count}"))], "normalised accuracy; width / number of experts", [.. Methods.Select(method => new PlotSeries(method.Label, [.. Widths.SelectMany(width => Counts.Select(count => heldIn[method.Label, Column(width, true, count)]))]))]))
        {
            Lines = lines,
            Notes = [MergeComparison.Harness, "merge-scale.jsonl holds every merge."],
        };
    }

    private static List<Finding> Findings(MergeComparison heldIn, MergeComparison heldOut)
    {
        string average = MergeSetting.Averaging.Label, arithmetic = MergeSetting.TaskArithmetic.Label;
        var findings = new List<Finding>();
        foreach (string method in (string[])[average, arithmetic])
            findings.Add(Finding.Above($"(a) strong minus weak base, width {Middle}, n = {Tasks}, {method}", Minus(heldIn[method, Column(Middle, true, Tasks)], heldIn[method, Column(Middle, false, Tasks)]), 0.02));
        foreach (string method in (string[])[average, arithmetic])
            findings.Add(Finding.Above($"(b) more experts cost: n = 2 minus n = 8, width {Middle}, {method}", Minus(heldIn[method, Column(Middle, true, 2)], heldIn[method, Column(Middle, true, Tasks)])));
        findings.Add(Finding.Above($"(c) methods differ less with size: spread (largest minus smallest of the four, n = 8) at width {Widths[0]} minus at width {Widths[^1]}", Minus(Spread(heldIn, Widths[0]), Spread(heldIn, Widths[^1]))));
        findings.Add(Finding.Above($"larger merges better: width {Widths[^1]} minus width {Widths[0]}, n = 8, averaging", Minus(heldIn[average, Column(Widths[^1], true, Tasks)], heldIn[average, Column(Widths[0], true, Tasks)])));
        findings.Add(Finding.Above($"(d) held-out: averaging minus base, width {Widths[^1]}, n = 8", heldOut[average, Column(Widths[^1], true, Tasks)]));
        findings.Add(Finding.Above($"held-out: averaging minus multitask, width {Widths[^1]}, n = 8", Minus(heldOut[average, Column(Widths[^1], true, Tasks)], heldOut["multitask", Column(Widths[^1], true, Tasks)])));
        return findings;
    }

    private static double[] Spread(MergeComparison heldIn, int width)
    {
        IReadOnlyList<double>[] rows = [.. Methods.Select(method => heldIn[method.Label, Column(width, true, Tasks)])];
        return [.. Enumerable.Range(0, rows[0].Count).Select(seed => rows.Max(row => row[seed]) - rows.Min(row => row[seed]))];
    }

    private static IReadOnlyList<double> Minus(IReadOnlyList<double> one, IReadOnlyList<double> other) => [.. one.Zip(other, (a, b) => a - b)];

    private static string Column(int width, bool strong, int count) => $"{(strong ? "" : "weak, ")}{width} / {count}";
}
