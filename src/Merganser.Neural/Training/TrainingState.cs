using System.Globalization;
using Merganser.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>
/// All that a run needs to go on: parameters, state of the method, running mean, best values, the step, the log. In a file it is
/// safetensors: <c>value/NAME</c>, <c>exp_avg/NAME</c>, <c>average/NAME</c>, <c>best/NAME</c>, all float32, the rest in its metadata.
/// </summary>
internal sealed class TrainingState : IDisposable
{
    private readonly Optimizer _optimizer;
    private readonly bool _keepsBest;
    private readonly Tensor[]? _average;
    private Tensor[]? _best;

    public TrainingState(Optimizer optimizer, bool averages, bool keepsBest)
    {
        (_optimizer, _keepsBest) = (optimizer, keepsBest);
        _average = averages ? Copies() : null;
    }

    public int Step { get; set; }

    public int WithoutGain { get; set; }

    public bool Stopped { get; set; }

    public int BestStep { get; private set; }

    public TrainingEvaluation? Best { get; private set; }

    public TrainingLog Log { get; private set; } = new();

    private IReadOnlyList<TrainedParameter> Parameters => _optimizer.Parameters;

    public void Average(double decay)
    {
        if (_average is null)
            return;
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        for (int i = 0; i < _average.Length; i++)
            _average[i].mul_(decay).add_(Parameters[i].Master.detach(), alpha: 1 - decay);
    }

    /// <summary>Exchanges the running mean and the parameters.</summary>
    public void SwapAverage()
    {
        if (_average is null)
            return;
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        for (int i = 0; i < _average.Length; i++)
        {
            Tensor values = Parameters[i].Master.detach().clone();
            Parameters[i].Master.copy_(_average[i]);
            _average[i].copy_(values);
            Parameters[i].Publish();
        }
    }

    /// <summary>Notes the values that are evaluated now as the best.</summary>
    public void KeepBest(TrainingEvaluation evaluation)
    {
        (Best, BestStep, WithoutGain) = (evaluation, Step, 0);
        if (!_keepsBest)
            return;
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        _best ??= Copies();
        for (int i = 0; i < _best.Length; i++)
            _best[i].copy_(_average?[i] ?? Parameters[i].Master.detach());
    }

    /// <summary>The result of a run goes into the parameters: the best, else the running mean, else what is there.</summary>
    public void PublishResult()
    {
        if ((_best ?? _average) is not { } result)
            return;
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        for (int i = 0; i < result.Length; i++)
        {
            Parameters[i].Master.copy_(result[i]);
            Parameters[i].Publish();
        }
    }

    public void Save(string path, string identity)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["format"] = "merganser-training-1",
            ["identity"] = identity,
            ["step"] = Step.ToString(CultureInfo.InvariantCulture),
            ["without_gain"] = WithoutGain.ToString(CultureInfo.InvariantCulture),
            ["stopped"] = Stopped ? "1" : "0",
            ["best_step"] = BestStep.ToString(CultureInfo.InvariantCulture),
            ["best"] = Best is null ? "" : string.Join('|', Best.Loss.ToString("R", CultureInfo.InvariantCulture), Best.Score?.ToString("R", CultureInfo.InvariantCulture) ?? "", Best.ScoreName),
            ["log"] = Log.ToCsv(),
        };
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        SafetensorsFile.Write(path, All().Select(entry => (new TensorInfo(entry.Name, DType.F32, [.. entry.Tensor.shape]), entry.Tensor.detach().to(CPU).contiguous().bytes.ToArray())), metadata);
    }

    public void Load(string path, string identity)
    {
        using Checkpoint file = CheckpointReader.Open(path);
        string Text(string key) => file.Metadata.TryGetValue(key, out string? text) ? text : throw new MerganserException($"{path}: is not the state of a training run ('{key}' is missing); remove it to start anew");
        int Whole(string key) => int.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw new MerganserException($"{path}: '{key}' is no number; remove the file to start anew");
        if (Text("format") != "merganser-training-1" || Text("identity") != identity)
            throw new MerganserException($"{path}: belongs to a run with other settings or data; restore them, or remove it to start anew");
        string[] best = Text("best").Split('|', 3);
        if (_keepsBest && best.Length == 3)
            _best ??= Copies();
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach ((string name, Tensor tensor) in All())
        {
            if (!file.Tensors.TryGetValue(name, out TensorSource? source) || source.Info.DType != DType.F32 || !source.Info.Shape.AsSpan().SequenceEqual(tensor.shape))
                throw new MerganserException($"{path}: '{name}' is missing or does not fit; remove the file to start anew");
            tensor.detach().copy_(Models.ParameterLoader.Read(source));
        }

        foreach (TrainedParameter parameter in Parameters)
            parameter.Publish();
        (Step, WithoutGain, Stopped, BestStep) = (Whole("step"), Whole("without_gain"), Text("stopped") == "1", Whole("best_step"));
        if (best.Length == 3)
        {
            if (!double.TryParse(best[0], NumberStyles.Float, CultureInfo.InvariantCulture, out double loss))
                throw new MerganserException($"{path}: 'best' is no number; remove the file to start anew");
            Best = new TrainingEvaluation(loss, double.TryParse(best[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double score) ? score : null, best[2]);
        }

        Log = TrainingLog.Parse(Text("log"), path);
    }

    public void Dispose()
    {
        foreach (Tensor tensor in (_average ?? []).Concat(_best ?? []))
            tensor.Dispose();
    }

    private IEnumerable<(string Name, Tensor Tensor)> All()
    {
        for (int i = 0; i < Parameters.Count; i++)
        {
            string name = Parameters[i].Name;
            yield return ($"value/{name}", Parameters[i].Master);
            for (int part = 0; part < _optimizer.StateNames.Count; part++)
                yield return ($"{_optimizer.StateNames[part]}/{name}", _optimizer.StateOf(i)[part]);
            if (_average is not null)
                yield return ($"average/{name}", _average[i]);
            if (_best is not null)
                yield return ($"best/{name}", _best[i]);
        }
    }

    private Tensor[] Copies()
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return [.. Parameters.Select(parameter => parameter.Master.detach().clone().DetachFromDisposeScope())];
    }
}
