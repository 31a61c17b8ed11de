using Merganser.Neural.Models;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Training;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Training;

/// <summary>The loop: it learns, it goes on exactly where it stopped, and it leaves nothing behind.</summary>
public sealed class TrainerTests
{
    private static readonly ModelOptions Trainable = ModelOptions.Default with { Trainable = true };

    private static TrainerOptions Options(int steps) => new()
    {
        Steps = steps,
        BatchSize = 4,
        Accumulation = 2,
        Seed = 11,
        AverageDecay = 0.9,
        EvaluateEvery = 4,
        KeepBest = true,
        Schedule = new LearningRateSchedule { Peak = 0.02, WarmupSteps = 3 },
    };

    [Theory]
    [InlineData(ScalarType.Float32, 0.9)]
    [InlineData(ScalarType.BFloat16, 1.5)]
    public void A_tiny_decoder_learns_to_count(ScalarType type, double below)
    {
        using CausalLm model = TinyModel.New("llama", Trainable with { DType = type });
        using var trainer = new Trainer(new CountingTask(model), TrainedParameter.Of(model), Options(40));
        TrainingReport report = trainer.Run();
        Assert.True(report.Log.Rows[0].Loss > 3);
        Assert.InRange(report.Best!.Loss, 0, below);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(8)]
    public void A_run_that_was_cut_off_goes_on_to_the_bit(int cut)
    {
        using var folder = new TempFolder();
        (TrainingReport whole, byte[] wanted) = Train(null, -1);
        string path = folder["state.safetensors"];
        Assert.Throws<OperationCanceledException>(() => Train(path, cut));
        (TrainingReport resumed, byte[] got) = Train(path, -1);
        Assert.Equal(wanted, got);
        Assert.Equal(whole.Best, resumed.Best);
        Assert.Equal(whole.BestStep, resumed.BestStep);
        Assert.Equal(Exact(whole), Exact(resumed));
    }

    [Fact]
    public void A_state_of_other_settings_is_refused()
    {
        using var folder = new TempFolder();
        string path = folder["state.safetensors"];
        Assert.Throws<OperationCanceledException>(() => Train(path, 3));
        using CausalLm model = TinyModel.New("llama", Trainable);
        using var trainer = new Trainer(new CountingTask(model), TrainedParameter.Of(model), Options(12) with { Seed = 12, StatePath = path });
        Assert.Contains("other settings", Assert.Throws<MerganserException>(() => trainer.Run()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_leave_no_tensor()
    {
        using CausalLm model = TinyModel.New("llama", Trainable);
        long before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        foreach (int steps in (int[])[3, 60])
        {
            using (var trainer = new Trainer(new CountingTask(model), TrainedParameter.Of(model), Options(steps)))
                trainer.Run();
            Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
        }
    }

    [Fact]
    public void A_run_ends_when_held_out_examples_get_no_better()
    {
        using CausalLm model = TinyModel.New("llama", Trainable);
        double[] losses = [3, 2, 2.5, 2.4, 2.3, 1, 0.5];
        int evaluation = 0;
        var task = new CountingTask(model) { HeldOutLoss = () => losses[evaluation++] };
        using var trainer = new Trainer(task, TrainedParameter.Of(model), Options(40) with { EvaluateEvery = 2, Patience = 3 });
        TrainingReport report = trainer.Run();
        Assert.True(report.StoppedEarly);
        Assert.Equal((10, 4, 2.0), (report.Steps, report.BestStep, report.Best!.Loss));
    }

    [Fact]
    public void A_loss_that_is_no_number_ends_the_run_with_one_line()
    {
        using CausalLm model = TinyModel.New("llama", Trainable);
        using var trainer = new Trainer(new CountingTask(model), TrainedParameter.Of(model), Options(40) with { Schedule = new LearningRateSchedule { Peak = 1e30 } });
        Assert.Contains("learning rate", Assert.Throws<MerganserException>(() => trainer.Run()).Message, StringComparison.Ordinal);
    }

    private static string[] Exact(TrainingReport report) => [.. report.Log.Rows.Select(row => (row with { UnitsPerSecond = 0 }).ToString())];

    private static (TrainingReport Report, byte[] Values) Train(string? path, int cut)
    {
        using CausalLm model = TinyModel.New("llama", Trainable);
        using var stop = new CancellationTokenSource();
        using var trainer = new Trainer(new CountingTask(model), TrainedParameter.Of(model), Options(12) with { StatePath = path });
        TrainingReport report = trainer.Run(new StopAt(cut, stop), stop.Token);
        return (report, [.. model.Parameters.All.Where(parameter => !parameter.IsTied).SelectMany(parameter => parameter.Value.detach().bytes.ToArray())]);
    }

    private sealed class StopAt(int step, CancellationTokenSource stop) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Step == step)
                stop.Cancel();
        }
    }
}
