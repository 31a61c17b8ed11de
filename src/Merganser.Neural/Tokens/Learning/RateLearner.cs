using Merganser.Neural.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Learning;

/// <summary>How rates are learned.</summary>
public sealed record RateLearning
{
    /// <summary>The part of the whole model's multiply-adds that is wanted, above 0 and below 1.</summary>
    public required double Part { get; init; }

    /// <summary>Batches.</summary>
    public int Steps { get; init; } = 300;

    /// <summary>λ of λ·(G − G*)², with G in units of <see cref="Unit"/>.</summary>
    public double Weight { get; init; } = 5;

    /// <summary>The unit of G; null: the whole model's multiply-adds divided by 4.6, which is what 10⁹ is to DeiT-S.</summary>
    public double? Unit { get; init; }

    /// <summary>The learning rate at first; it falls as a cosine.</summary>
    public double Rate { get; init; } = 0.01;

    /// <summary>The learning rate at last.</summary>
    public double LastRate { get; init; } = 0.001;

    /// <summary>Steps at first in which λ is 0.</summary>
    public int WarmUp { get; init; }
}

/// <summary>Learns the rates of DiffRate for a target: CE + λ·(G − G*)², AdamW without decay, on the rates alone.</summary>
public static class RateLearner
{
    /// <summary>Learns.</summary>
    /// <param name="training">The rates, which are changed.</param>
    /// <param name="options">Target and steps.</param>
    /// <param name="batches">The images and labels (int64) of a step; both are disposed after it.</param>
    /// <param name="progress">Told after each step: step, cross-entropy, multiply-adds.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <returns>The learned rates.</returns>
    /// <exception cref="MerganserException">The target cannot be reached.</exception>
    public static TokenRates Learn(DiffRateTraining training, RateLearning options, Func<int, (Tensor Pixels, Tensor Labels)> batches, Action<int, double, double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(training);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(batches);
        (double least, double whole) = training.Reach();
        double target = options.Part * whole, unit = options.Unit ?? whole / 4.6;
        if (!(options.Part is > 0 and < 1) || target < least)
            throw new MerganserException(FormattableString.Invariant($"the part of the operations to be left is {options.Part}; this model's rates reach from {least / whole:F3} to 1"));
        using DisposeScope owned = NewDisposeScope();
        TrainedParameter[] parameters = [.. training.Prune.Concat(training.Merge).Where(rate => !rate.IsFixed).Select((rate, i) => new TrainedParameter($"rate.{i}", rate.Logits, decays: false))];
        try
        {
            using var optimizer = new AdamW(parameters) { WeightDecay = 0 };
            var schedule = new LearningRateSchedule { Peak = options.Rate, Floor = options.LastRate / options.Rate, Shape = ScheduleShape.Cosine };
            for (int step = 0; step < options.Steps; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                using DisposeScope scope = NewDisposeScope();
                (Tensor pixels, Tensor labels) = batches(step);
                Tensor entropy = nn.functional.cross_entropy(training.Forward(pixels).to(ScalarType.Float32), labels), operations = training.MultiplyAdds();
                Tensor miss = (operations - target) / unit, loss = step < options.WarmUp ? entropy : entropy + (miss * miss * options.Weight);
                loss.backward();
                optimizer.Step(schedule.At(step, options.Steps), 1, step + 1);
                progress?.Invoke(step, entropy.ToDouble(), operations.ToDouble());
            }

            return training.Rates();
        }
        finally
        {
            foreach (TrainedParameter parameter in parameters)
                parameter.Dispose();
        }
    }
}
