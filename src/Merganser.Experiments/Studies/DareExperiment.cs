using System.Globalization;
using Merganser.Experiments.Families;
using Merganser.Experiments.Synth;

namespace Merganser.Experiments.Studies;

/// <summary>DARE on single experts: how much of a change can be dropped, arXiv 2311.03099.</summary>
public sealed class DareExperiment : Experiment
{
    private const int Narrow = 128, Wide = 1024, Tasks = 2;
    private static readonly double[] Rates = [0.5, 0.7, 0.9, 0.95, 0.99];

    private static readonly (string Label, (string, double)[] Options)[] Variants =
    [
        ("random, rescaled", []),
        ("random, not rescaled", [("rescale", 2)]),
        ("smallest, rescaled", [("strategy", 1)]),
    ];

    /// <inheritdoc/>
    public override string Id => "dare";

    /// <inheritdoc/>
    public override string Title => "DARE";

    /// <inheritdoc/>
    public override string Paper => "Language Models are Super Mario, arXiv 2311.03099";

    /// <inheritdoc/>
    public override string Claim => "Nine tenths of an expert's change can be dropped at random if the rest is rescaled; not without rescaling, and not by dropping the smallest instead. Wider networks stand more.";

    /// <inheritdoc/>
    public override string Baselines => "the expert itself (1.0), dropping without rescaling, dropping the smallest changes with rescaling, a network of width 128 beside one of 1024.";

    /// <inheritdoc/>
    public override string Budget => "5 seeds, two experts each of width 128 and of width 1024, about five minutes";

    /// <inheritdoc/>
    public override ExperimentResult Run(ExperimentContext context)
    {
        var comparison = new MergeComparison();
        foreach (int seed in context.Seeds(5))
        {
            foreach (int width in (int[])[Narrow, Wide])
            {
                SynthFamily family = context.Train(new SynthOptions { Seed = seed, Tasks = Tasks, Width = width });
                foreach (double rate in Rates)
                {
                    foreach ((string label, (string, double)[] options) in Variants)
                    {
                        var setting = new MergeSetting(label, "dare", [("drop_rate", rate), .. options]);
                        double kept = Enumerable.Range(0, Tasks).Average(task => family.Normalised(setting.Apply(family, [task], seed).Model, [task]));
                        comparison.Add(Row(label, width), Column(rate), kept);
                    }
                }
            }
        }

        string nine = Column(0.9), narrow = Row(Variants[0].Label, Narrow), wide = Row(Variants[0].Label, Wide);
        return new ExperimentResult(
            [comparison.Table("Normalised accuracy of single experts after dropping the share p of their change")],
            [
                Finding.Above("p = 0.9, width 128: rescaled minus not rescaled", comparison.Difference(narrow, Row(Variants[1].Label, Narrow), nine)),
                Finding.Above("p = 0.9, width 128: dropped at random minus dropping the smallest, both rescaled", comparison.Difference(narrow, Row(Variants[2].Label, Narrow), nine)),
                Finding.Above("p = 0.95, rescaled: width 1024 minus width 128", comparison.Difference(wide, narrow, Column(0.95))),
                Finding.Above("p = 0.9, width 1024, rescaled: normalised accuracy", comparison[wide, nine], 0.9),
            ],
            comparison.Plot("DARE: single experts on SynthTasks"))
        { Notes = [MergeComparison.Harness] };
    }

    private static string Row(string label, int width) => $"width {width}, {label}";

    private static string Column(double rate) => string.Create(CultureInfo.InvariantCulture, $"p = {rate:0.##}");
}
