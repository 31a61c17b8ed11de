using System.Globalization;
using System.Text;

namespace Merganser.Neural.Training;

/// <summary>A row of the log. Numbers that were not measured are NaN.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">The training loss of the last step.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="GradientNorm">The norm of its gradients before clipping.</param>
/// <param name="UnitsPerSecond">Tokens, images, … per second since the row before.</param>
/// <param name="EvaluationLoss">The loss on held-out examples.</param>
/// <param name="EvaluationScore">Their score.</param>
public readonly record struct TrainingRow(int Step, double Loss, double LearningRate, double GradientNorm, double UnitsPerSecond, double EvaluationLoss, double EvaluationScore);

/// <summary>The rows of a run; written as CSV and drawn as curves.</summary>
public sealed class TrainingLog
{
    private const string Header = "step,loss,learning_rate,gradient_norm,per_second,evaluation_loss,evaluation_score";
    private readonly List<TrainingRow> _rows = [];

    /// <summary>The rows.</summary>
    public IReadOnlyList<TrainingRow> Rows => _rows;

    /// <summary>The rows as CSV; numbers in their shortest exact form, nothing where nothing was measured.</summary>
    public string ToCsv()
    {
        var text = new StringBuilder(Header).Append('\n');
        foreach (TrainingRow row in _rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Step},");
            text.AppendJoin(',', new[] { row.Loss, row.LearningRate, row.GradientNorm, row.UnitsPerSecond, row.EvaluationLoss, row.EvaluationScore }
                .Select(value => double.IsNaN(value) ? "" : value.ToString("R", CultureInfo.InvariantCulture))).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The curves of loss and learning rate as SVG.</summary>
    public string ToSvg(string title) => CurvePlot.Draw(
        title,
        "step",
        new CurvePlot.Curve("training loss", [.. _rows.Where(row => !double.IsNaN(row.Loss)).Select(row => (row.Step, row.Loss))]),
        new CurvePlot.Curve("held-out loss", [.. _rows.Where(row => !double.IsNaN(row.EvaluationLoss)).Select(row => (row.Step, row.EvaluationLoss))]),
        new CurvePlot.Curve("held-out score", [.. _rows.Where(row => !double.IsNaN(row.EvaluationScore)).Select(row => (row.Step, row.EvaluationScore))]));

    internal void Add(TrainingRow row) => _rows.Add(row);

    /// <summary>Reads what <see cref="ToCsv"/> wrote.</summary>
    internal static TrainingLog Parse(string csv, string origin)
    {
        var log = new TrainingLog();
        foreach (string line in csv.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            string[] cells = line.Split(',');
            double[] numbers = new double[6];
            bool good = cells.Length == 7 && int.TryParse(cells[0], NumberStyles.None, CultureInfo.InvariantCulture, out _);
            for (int i = 0; good && i < numbers.Length; i++)
                good = cells[i + 1].Length == 0 ? double.IsNaN(numbers[i] = double.NaN) : double.TryParse(cells[i + 1], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]);
            if (!good)
                throw new MerganserException($"{origin}: the log of the run cannot be read; start the run anew");
            log.Add(new TrainingRow(int.Parse(cells[0], CultureInfo.InvariantCulture), numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]));
        }

        return log;
    }
}
