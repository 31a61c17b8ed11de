using Merganser.Experiments.Families;
using Merganser.Experiments.Synth;

namespace Merganser.Experiments.Studies;

/// <summary>Normalised accuracies of several merges on the same families, seeds and tasks, so that differences are paired.</summary>
internal sealed class MergeComparison
{
    private readonly Dictionary<(string Label, string Column), List<double>> _values = [];
    private readonly Dictionary<(string Label, string Column), List<string>> _factors = [];
    private readonly List<string> _labels = [], _columns = [];

    public IReadOnlyList<double> this[string label, string column] => _values.TryGetValue((label, column), out List<double>? values) ? values : [];

    /// <summary>Adds a figure, one per seed.</summary>
    public void Add(string label, string column, double value)
    {
        if (!_labels.Contains(label))
            _labels.Add(label);
        if (!_columns.Contains(column))
            _columns.Add(column);
        if (!_values.TryGetValue((label, column), out List<double>? values))
            _values[(label, column)] = values = [];
        values.Add(value);
    }

    /// <summary>Merges the experts by every setting and adds the normalised accuracy on their tasks, and that of the base.</summary>
    public void Add(ExpertFamily family, IReadOnlyList<int> experts, string column, int seed, params IReadOnlyList<MergeSetting> settings)
    {
        Add("base", column, family.Normalised(family.Base, experts));
        foreach (MergeSetting setting in settings)
        {
            MergeOutcome outcome = setting.Apply(family, experts, seed);
            Add(setting.Label, column, family.Normalised(outcome.Model, experts));
            if (setting.Factors.IsEmpty)
                continue;
            if (!_factors.TryGetValue((setting.Label, column), out List<string>? factors))
                _factors[(setting.Label, column)] = factors = [];
            factors.Add(outcome.FactorText);
        }
    }

    /// <summary>Row minus row, seed by seed.</summary>
    public IReadOnlyList<double> Difference(string label, string other, string column) =>
        [.. this[label, column].Zip(this[other, column], (a, b) => a - b)];

    /// <summary>Row minus row per seed, averaged over columns.</summary>
    public IReadOnlyList<double> Difference(string label, string other, IReadOnlyList<string> columns) =>
        [.. Enumerable.Range(0, columns.Min(column => this[label, column].Count)).Select(seed => columns.Average(column => this[label, column][seed] - this[other, column][seed]))];

    /// <summary>Means with ranges; the factors that were chosen behind them.</summary>
    public ResultTable Table(string title)
    {
        var table = new ResultTable(title, ["method", .. _columns]);
        foreach (string label in _labels)
            table.Add([label, .. _columns.Select(column => ResultTable.Cell([.. this[label, column]]))]);
        return table;
    }

    /// <summary>The factors that validation chose, seed by seed; null when none was.</summary>
    public ResultTable? FactorTable()
    {
        if (_factors.Count == 0)
            return null;
        var table = new ResultTable("Factors that validation chose, seed by seed", ["method", .. _columns]);
        foreach (string label in _labels.Where(label => _columns.Any(column => _factors.ContainsKey((label, column)))))
            table.Add([label, .. _columns.Select(column => _factors.TryGetValue((label, column), out List<string>? factors) ? string.Join(" ", factors) : "–")]);
        return table;
    }

    public ResultPlot Plot(string title, string axis = "normalised accuracy, mean over seeds; bars from smallest to largest") =>
        new(title, _columns, axis, [.. _labels.Select(label => new PlotSeries(label, [.. _columns.Select(column => this[label, column])]))]);

    /// <summary>Runs settings on synthetic families of 2, 4 and 8 tasks with a strong base; the tasks of different numbers are different worlds.</summary>
    public static MergeComparison OnSynthTasks(ExperimentContext context, int seeds, IReadOnlyList<int> counts, params IReadOnlyList<MergeSetting> settings)
    {
        var comparison = new MergeComparison();
        foreach (int seed in context.Seeds(seeds))
        {
            foreach (int tasks in counts)
            {
                SynthFamily family = context.Train(new SynthOptions { Seed = seed, Tasks = tasks });
                comparison.Add(family, [.. Enumerable.Range(0, tasks)], Column(tasks), seed, settings);
            }
        }

        return comparison;
    }

    public static string Column(int tasks) => $"n = {tasks}";

    /// <summary>How the synthetic tasks are made, for the page.</summary>
    public const string Harness = "SynthTasks: inputs of 16 numbers, 6 classes; every task has its own domain and label map, close to a common one; a trunk of three linear layers with GELU (width 128 unless said) is trained on generic data, then fine-tuned per task with the head frozen. Normalised accuracy: accuracy of the merge over that of the task's own expert, mean over tasks, on 1000 test samples per task. Factors are chosen on 500 other samples per task. Cells: mean over seeds (smallest–largest). Figures of different n are of different tasks and cannot be compared; rows can.";
}
