using System.Diagnostics;
using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>One reducer of a sweep.</summary>
/// <param name="Name">What it is called; <c>none</c> is the whole model.</param>
/// <param name="Reducer">It, or null for the whole model.</param>
/// <param name="Wanted">The part of the blocks' operations that it was made for, if any.</param>
public sealed record SweepPlan(string Name, TokenReducer? Reducer, double? Wanted = null);

/// <summary>
/// Reducers side by side on the same labelled images: every batch goes through all of them, in an order that changes, so that a busy machine
/// slows all alike. Intervals are bootstraps over images (2,000 times, percentiles), the same draws for all, so differences are paired.
/// </summary>
public sealed class ReductionSweep
{
    private const int Resamples = 2000;
    private readonly VisionShape _shape;
    private readonly int _classes;
    private readonly SweepPlan[] _plans;
    private readonly Func<Tensor, TokenReducer?, Tensor> _scores;
    private readonly List<bool>[] _right;
    private readonly double[] _seconds;
    private readonly double?[] _memory;
    private readonly Random _order = new(1);
    private bool _warm;

    /// <summary>A sweep; the whole model is always part of it.</summary>
    /// <param name="shape">The encoder.</param>
    /// <param name="classes">The width of the head, for its operations.</param>
    /// <param name="plans">The reducers.</param>
    /// <param name="scores">Runs the model on pixels with a reducer, or without: scores [B, classes].</param>
    public ReductionSweep(VisionShape shape, int classes, IEnumerable<SweepPlan> plans, Func<Tensor, TokenReducer?, Tensor> scores)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(plans);
        ArgumentNullException.ThrowIfNull(scores);
        (_shape, _classes, _scores) = (shape, classes, scores);
        _plans = [new SweepPlan("none", null), .. plans];
        _right = [.. _plans.Select(_ => new List<bool>())];
        (_seconds, _memory) = (new double[_plans.Length], new double?[_plans.Length]);
    }

    /// <summary>The number of images so far.</summary>
    public int Count => _right[0].Count;

    /// <summary>Takes a batch.</summary>
    /// <param name="pixels">[B, channels, H, W].</param>
    /// <param name="labels">The class of each image.</param>
    public void Add(Tensor pixels, ReadOnlySpan<int> labels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        if (pixels.shape[0] != labels.Length)
            throw new ArgumentException($"there are {pixels.shape[0]} images and {labels.Length} labels", nameof(labels));
        using IDisposable mode = inference_mode();
        if (!_warm)
        {
            for (int i = 0; i < _plans.Length; i++)
            {
                bool counted = PeakMemory.Reset();
                Run(_plans[i].Reducer, pixels, out _);
                _memory[i] = counted ? PeakMemory.Read() : null;
            }

            _warm = true;
        }

        int[] turns = [.. Enumerable.Range(0, _plans.Length)];
        _order.Shuffle(turns);
        foreach (int turn in turns)
        {
            long[] best = Run(_plans[turn].Reducer, pixels, out double seconds);
            _seconds[turn] += seconds;
            for (int image = 0; image < labels.Length; image++)
                _right[turn].Add(best[image] == labels[image]);
        }
    }

    /// <summary>What all of them gave on the images so far, the whole model first.</summary>
    public IReadOnlyList<SweepRow> Rows()
    {
        if (Count == 0)
            throw new InvalidOperationException("no images were given");
        bool[][] right = [.. _right.Select(list => list.ToArray())];
        double[][] means = Bootstrap(right);
        double whole = FlopCount.PerImage(_shape, null, _classes), blocks = FlopCount.Blocks(_shape);
        var rows = new SweepRow[_plans.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            SweepPlan plan = _plans[i];
            double operations = FlopCount.PerImage(_shape, plan.Reducer, _classes), accuracy = Mean(right[i]);
            rows[i] = new SweepRow
            {
                Reducer = plan.Name,
                Budget = plan.Reducer?.Budget ?? "",
                Giga = operations / 1e9,
                Part = operations / whole,
                BlockPart = FlopCount.Blocks(_shape, plan.Reducer) / blocks,
                Wanted = plan.Wanted,
                Tokens = FlopCount.Lengths(_shape, plan.Reducer)[^1].Leaving,
                Accuracy = accuracy,
                AccuracyInterval = Interval(means[i]),
                Difference = accuracy - Mean(right[0]),
                DifferenceInterval = Interval(means[i].Zip(means[0], (own, other) => own - other)),
                Speed = Count / _seconds[i],
                SpeedUp = _seconds[0] / _seconds[i],
                PeakMemory = _memory[i],
            };
        }

        return rows;
    }

    /// <summary>Per reducer and image whether it was right, in the order of the images: for tests of one's own.</summary>
    public IReadOnlyList<bool> Right(int plan) => _right[plan];

    private long[] Run(TokenReducer? reducer, Tensor pixels, out double seconds)
    {
        using DisposeScope scope = NewDisposeScope();
        long began = Stopwatch.GetTimestamp();
        Tensor best = _scores(pixels, reducer).argmax(1).cpu();
        seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        return best.data<long>().ToArray();
    }

    private static double Mean(bool[] right) => (double)right.Count(value => value) / right.Length;

    /// <summary>Means of resampled images, [reducers][resamples]; one draw serves all reducers.</summary>
    private static double[][] Bootstrap(bool[][] right)
    {
        int images = right[0].Length;
        double[][] means = [.. right.Select(_ => new double[Resamples])];
        var random = new Random(2);
        int[] drawn = new int[images];
        for (int resample = 0; resample < Resamples; resample++)
        {
            Array.Clear(drawn);
            for (int i = 0; i < images; i++)
                drawn[random.Next(images)]++;
            for (int plan = 0; plan < right.Length; plan++)
            {
                int sum = 0;
                for (int i = 0; i < images; i++)
                    sum += right[plan][i] ? drawn[i] : 0;
                means[plan][resample] = (double)sum / images;
            }
        }

        return means;
    }

    private static (double Low, double High) Interval(IEnumerable<double> means)
    {
        double[] values = [.. means.Order()];
        return (values[(int)(0.025 * values.Length)], values[(int)(0.975 * values.Length)]);
    }
}
