using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>
/// The training loop. A run is a function of its parameters' first values, its task and its options: taken up again from its saved state
/// it gives the same losses and the same parameters to the bit, with the same number of threads.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainingTask _task;
    private readonly TrainerOptions _options;
    private readonly DataOrder _order;

    /// <summary>Makes the loop; it owns the parameters from here on, but not the tensors they stand for.</summary>
    /// <exception cref="ArgumentException">No parameters, or an option out of range.</exception>
    public Trainer(TrainingTask task, IReadOnlyList<TrainedParameter> parameters, TrainerOptions options)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        if (parameters.Count == 0)
            throw new ArgumentException("there is nothing to train", nameof(parameters));
        (_task, _options) = (task, options);
        _order = new DataOrder(task.Count, options.Seed);
        Optimizer = options.Optimizer(parameters);
        State = new TrainingState(Optimizer, options.AverageDecay > 0, options.KeepBest);
    }

    /// <summary>The method.</summary>
    public Optimizer Optimizer { get; }

    internal TrainingState State { get; }

    private string Identity => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"{Optimizer.Description}; {_options.Schedule}; steps={_options.Steps} batch={_options.BatchSize}x{_options.Accumulation} clip={_options.MaxGradientNorm} average={_options.AverageDecay} seed={_options.Seed} evaluate={_options.EvaluateEvery} patience={_options.Patience}/{_options.MinImprovement} score={_options.JudgeByScore} examples={_task.Count}; {_options.Identity}");

    /// <summary>Runs to the end, from the saved state if there is one. Cancelled, it saves the state and throws.</summary>
    /// <exception cref="MerganserException">The loss is no longer a number, or the saved state belongs to another run.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled; its state is saved.</exception>
    public TrainingReport Run(IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (_options.StatePath is { } path && File.Exists(path))
            State.Load(path, Identity);
        long began = Stopwatch.GetTimestamp(), since = began, units = 0;
        int first = State.Step;
        while (State.Step < _options.Steps && !State.Stopped)
        {
            if (cancellation.IsCancellationRequested)
            {
                Save();
                cancellation.ThrowIfCancellationRequested();
            }

            (double loss, double norm, double rate, long seen) = Step(State.Step);
            State.Step++;
            units += seen;
            bool last = State.Step == _options.Steps;
            TrainingEvaluation? evaluation = last || (_options.EvaluateEvery > 0 && State.Step % _options.EvaluateEvery == 0) ? Evaluate() : null;
            if (evaluation is not null || last || State.Step % _options.LogEvery == 0)
            {
                double speed = units / Math.Max(Stopwatch.GetElapsedTime(since).TotalSeconds, 1e-9);
                (since, units) = (Stopwatch.GetTimestamp(), 0);
                State.Log.Add(new TrainingRow(State.Step, loss, rate, norm, Math.Round(speed, 1), evaluation?.Loss ?? double.NaN, evaluation?.Score ?? double.NaN));
                TimeSpan left = Stopwatch.GetElapsedTime(began) * ((double)(_options.Steps - State.Step) / (State.Step - first));
                progress?.Report(new TrainingProgress(State.Step, _options.Steps, loss, rate, speed, _task.Unit, left, evaluation));
            }

            if (evaluation is not null)
                Judge(evaluation);
            if (_options.SaveEvery > 0 && State.Step % _options.SaveEvery == 0 && !last)
                Save();
        }

        State.PublishResult();
        int best = State.Best is null || !_options.KeepBest ? State.Step : State.BestStep;
        return new TrainingReport(State.Step, State.Stopped, best, State.Best, State.Log);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        State.Dispose();
        Optimizer.Dispose();
        foreach (TrainedParameter parameter in Optimizer.Parameters)
            parameter.Dispose();
    }

    private void Save()
    {
        if (_options.StatePath is { } path)
            State.Save(path, Identity);
    }

    private (double Loss, double Norm, double Rate, long Units) Step(int step)
    {
        using DisposeScope scope = NewDisposeScope();
        double sum = 0;
        long units = 0;
        for (int part = 0; part < _options.Accumulation; part++)
        {
            using DisposeScope inner = NewDisposeScope();
            long place = (((long)step * _options.Accumulation) + part) * _options.BatchSize;
            int[] examples = new int[_options.BatchSize];
            for (int i = 0; i < examples.Length; i++)
                examples[i] = _order[place + i];
            TrainingLoss loss = _task.Loss(new TrainingBatch(examples, step, part, DataOrder.Mix(_options.Seed ^ 0xD1B54A32D192ED03, (ulong)place)));
            double value = loss.Value.to(ScalarType.Float64).item<double>();
            if (!double.IsFinite(value))
                throw new MerganserException($"step {step + 1}: the loss is {value}; a lower learning rate, a longer warm-up or clipping (max_grad_norm) may help");
            loss.Value.backward();
            foreach (TrainedParameter parameter in Optimizer.Parameters)
                parameter.CollectGradient();
            sum += value;
            units += loss.Units;
        }

        double scale = 1.0 / _options.Accumulation, norm = Optimizer.GradientNorm() * scale;
        if (!double.IsFinite(norm))
            throw new MerganserException($"step {step + 1}: a gradient is no longer a number; a lower learning rate or a longer warm-up may help");
        if (_options.MaxGradientNorm > 0 && norm > _options.MaxGradientNorm)
            scale *= _options.MaxGradientNorm / norm;
        double rate = _options.Schedule.At(step, _options.Steps);
        Optimizer.Step(rate, scale, step + 1);
        State.Average(Math.Min(_options.AverageDecay, (1.0 + step) / (10.0 + step)));
        return (sum / _options.Accumulation, norm, rate, units);
    }

    private TrainingEvaluation? Evaluate()
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        State.SwapAverage();
        try
        {
            return _task.Evaluate();
        }
        finally
        {
            State.SwapAverage();
        }
    }

    private void Judge(TrainingEvaluation evaluation)
    {
        bool byScore = _options.JudgeByScore && evaluation.Score is not null;
        double gain = State.Best is null ? double.PositiveInfinity : byScore ? evaluation.Score!.Value - (State.Best.Score ?? double.NegativeInfinity) : State.Best.Loss - evaluation.Loss;
        if (gain > _options.MinImprovement)
            State.KeepBest(evaluation);
        else if (++State.WithoutGain >= _options.Patience && _options.Patience > 0)
            State.Stopped = true;
    }
}
