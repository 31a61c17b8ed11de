using System.Globalization;
using Merganser.Neural.Training;

namespace Merganser.Cli.Neural;

/// <summary>Shows a training as it goes on: a bar with loss, speed and time left; elsewhere than in a terminal a line now and then, and one for each evaluation.</summary>
internal sealed class TrainDisplay : IProgress<TrainingProgress>, IDisposable
{
    private readonly TextWriter? _lines;
    private readonly RunDisplay _bar;
    private volatile TrainingProgress? _last;
    private volatile string _held = "";
    private int _before = -1;

    public TrainDisplay(TextWriter error)
    {
        bool isTerminal = ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected;
        _lines = isTerminal ? null : TextWriter.Synchronized(error);
        _bar = new RunDisplay("train", Share, _ => State(_last, _held), _lines ?? error);
    }

    public void Report(TrainingProgress value)
    {
        if (_before < 0)
            _before = value.Step - 1; // A run that is taken up again begins in the middle: its time left is measured from there.
        if (value.Evaluation is { } evaluation)
        {
            _held = Held(evaluation);
            _lines?.WriteLine($"train: {State(value, _held)}");
        }

        _last = value;
    }

    public void Dispose() => _bar.Dispose();

    /// <summary>What is shown of a step.</summary>
    internal static string State(TrainingProgress? value, string held) => value is null ? "starting"
        : string.Create(CultureInfo.InvariantCulture, $"step {value.Step}/{value.Steps}, loss {value.Loss:F4}, {value.UnitsPerSecond:N0} {value.Unit}/s{held}");

    /// <summary>What is shown of an evaluation.</summary>
    internal static string Held(TrainingEvaluation evaluation) =>
        string.Create(CultureInfo.InvariantCulture, $", held-out loss {evaluation.Loss:F4}{(evaluation.Score is { } score ? $", {evaluation.ScoreName} {score:P1}" : "")}");

    private double Share() => _last is not { } value || value.Steps <= _before ? 0 : (double)(value.Step - _before) / (value.Steps - _before);
}
