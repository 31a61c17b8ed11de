using System.Diagnostics;
using System.Globalization;
using Merganser.Neural.Models;
using Merganser.Neural.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Bench;

/// <summary>Times steps of training: tokens per second, the share of the machine's multiplication speed that they reach, and the share of the optimiser.</summary>
internal static class TrainingSpeed
{
    public static string Measure(ModelShape shape, ScalarType type, int threads, int batch, int context, int steps)
    {
        double limit = MachineLimits.Multiply(threads);
        using var model = (CausalLm)PretrainedModel.CreateNew(shape.Config, seed: 1, new ModelOptions { DType = type, Trainable = true });
        var random = new Random(1);
        int[] tokens = [.. Enumerable.Range(0, (batch * context * 4) + 1).Select(_ => random.Next(shape.Vocabulary))];
        var task = new CausalTask(model, tokens, [], context);
        var times = new Times();
        using (var trainer = new Trainer(task, TrainedParameter.Of(model), new TrainerOptions { Steps = steps, BatchSize = batch, Optimizer = parameters => new AdamW(parameters) { Threads = threads } }))
            trainer.Run(times);
        // The first steps fill caches and pools of memory.
        double best = times.Rates.Skip(2).Max(), work = 6.0 * (shape.BlockWeights + ((long)shape.Width * shape.Vocabulary)) * best / 1e9;
        return string.Create(CultureInfo.InvariantCulture, $"{shape.Name} {type} batch {batch}x{context} threads {threads}: {best:F0} tokens/s, {work:F1} of {limit:F1} GFLOP/s ({work / limit:P0}), optimiser {Update(model, threads) * best / (batch * context):P1} of a step");
    }

    /// <summary>Seconds of one update of all parameters.</summary>
    private static double Update(CausalLm model, int threads)
    {
        IReadOnlyList<TrainedParameter> parameters = TrainedParameter.Of(model);
        using var method = new AdamW(parameters) { Threads = threads };
        double best = double.MaxValue;
        for (int step = 1; step <= 4; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            foreach (TrainedParameter parameter in parameters)
            {
                parameter.Value.grad = ones_like(parameter.Value, requires_grad: false);
                parameter.CollectGradient();
            }

            long began = Stopwatch.GetTimestamp();
            method.Step(1e-4, 1, step);
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        foreach (TrainedParameter parameter in parameters)
            parameter.Dispose();
        return best;
    }

    private sealed class Times : IProgress<TrainingProgress>
    {
        public List<double> Rates { get; } = [];

        public void Report(TrainingProgress value) => Rates.Add(value.UnitsPerSecond);
    }
}
