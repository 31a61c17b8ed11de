using System.Diagnostics;
using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary>Shows how far a training is: one line that is written over in a terminal, a line now and then elsewhere. Short runs show nothing.</summary>
internal sealed class TrainingDisplay : IProgress<TrainingProgress>, IDisposable
{
    private readonly TextWriter _error;
    private readonly bool _isTerminal;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _lock = new();
    private TrainingStage? _stage;
    private double _stageStarted;
    private double _shown;
    private bool _isOpen;

    public TrainingDisplay(TextWriter error)
    {
        _error = error;
        _isTerminal = ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected;
    }

    public void Report(TrainingProgress value)
    {
        const double firstAfter = 1;
        double interval = _isTerminal ? 0.1 : 5;
        lock (_lock)
        {
            double now = _clock.Elapsed.TotalSeconds;
            if (_stage != value.Stage)
            {
                _stage = value.Stage;
                _stageStarted = now;
            }

            if (now < firstAfter || now - _shown < interval)
                return;
            _shown = now;
            _error.Write(_isTerminal ? $"\r\e[K{Line(value, now)}" : Line(value, now) + Environment.NewLine);
            _isOpen = _isTerminal;
        }
    }

    public void Dispose()
    {
        if (_isOpen)
            _error.Write("\r\e[K");
    }

    private string Line(TrainingProgress value, double now)
    {
        string stage = value.Stage.ToString().ToLowerInvariant();
        if (value.Total <= 0 || value.Done <= 0)
            return $"train: {stage}";
        double share = Math.Min(1, (double)value.Done / value.Total);
        double left = (now - _stageStarted) * (1 - share) / Math.Max(share, 1e-9);
        return string.Create(CultureInfo.InvariantCulture, $"train: {stage} {share:P0}, {TimeSpan.FromSeconds(Math.Min(left, 360_000)):h\\:mm\\:ss} left");
    }
}
