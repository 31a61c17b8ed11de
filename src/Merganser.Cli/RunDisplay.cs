using System.Diagnostics;
using System.Globalization;
using Merganser.Weights.Execution;
using Spectre.Console;

namespace Merganser.Cli;

/// <summary>Shows a run as it goes on: a bar in a terminal, a plain line every few seconds elsewhere. Runs under two seconds show nothing.</summary>
internal sealed class RunDisplay : IDisposable
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(5);

    private readonly TextWriter _error;
    private readonly string _name;
    private readonly Func<double> _share;
    private readonly Func<double, string> _state;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;

    /// <summary>Begins to watch the counters of a run.</summary>
    public RunDisplay(string name, MergeProgress progress, TextWriter error)
        : this(name, () => progress.BytesTotal == 0 ? 0 : (double)progress.BytesStored / progress.BytesTotal, seconds => State(progress, seconds), error)
    {
    }

    /// <summary>Begins to watch any work.</summary>
    /// <param name="name">What is shown in front.</param>
    /// <param name="share">How much is done, 0 to 1.</param>
    /// <param name="state">Where it is, after so many seconds.</param>
    /// <param name="error">Where it is shown.</param>
    public RunDisplay(string name, Func<double> share, Func<double, string> state, TextWriter error)
    {
        _name = name;
        _share = share;
        _state = state;
        _error = error;
        _thread = new Thread(Watch) { IsBackground = true, Name = "progress" };
        _thread.Start();
    }

    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
    }

    private void Watch()
    {
        if (_stop.Wait(Quiet))
            return;
        if (ReferenceEquals(_error, Console.Error) && !Console.IsErrorRedirected)
            WatchTerminal();
        else
            WatchPlain();
    }

    private void WatchPlain()
    {
        do
            _error.WriteLine($"{_name}: {Line()}");
        while (!_stop.Wait(PlainInterval));
    }

    private void WatchTerminal()
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(_error) });
        console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(_name), maxValue: 1);
                do
                {
                    task.Value = _share();
                    task.Description = Markup.Escape($"{_name}: {Line()}");
                }
                while (!_stop.Wait(TimeSpan.FromMilliseconds(100)));
            });
    }

    private string Line()
    {
        double seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds, share = _share();
        string left = share is > 0 and < 1 ? $", {TimeSpan.FromSeconds(seconds * (1 - share) / share):h\\:mm\\:ss} left" : "";
        return _state(seconds) + left;
    }

    private static string State(MergeProgress progress, double seconds)
    {
        double share = progress.BytesTotal == 0 ? 0 : (double)progress.BytesStored / progress.BytesTotal;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Stage} {(progress.TensorsDone > 0 ? $"{progress.TensorsDone}/" : "")}{progress.TensorsTotal} tensors, {share:P0}, {progress.BytesMoved / seconds / 1e9:F1} GB/s");
    }
}
