using Merganser.Neural.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Training;

/// <summary>The methods against libtorch's own, and the schedule against its formula.</summary>
public sealed class OptimizerTests
{
    private const int Length = 100_003;

    [Fact]
    public void AdamW_goes_where_libtorch_goes() => Agrees(
        parameters => new Merganser.Neural.Training.AdamW(parameters) { WeightDecay = 0.1, Beta2 = 0.99 },
        parameter => optim.AdamW([parameter], lr: 0.01, beta2: 0.99, weight_decay: 0.1));

    [Fact]
    public void Sgd_goes_where_libtorch_goes() => Agrees(
        parameters => new Sgd(parameters) { Momentum = 0.8 },
        parameter => optim.SGD([parameter], 0.01, momentum: 0.8));

    [Fact]
    public void Sgd_with_a_look_ahead_goes_where_libtorch_goes() => Agrees(
        parameters => new Sgd(parameters) { Momentum = 0.8, Nesterov = true },
        parameter => optim.SGD([parameter], 0.01, momentum: 0.8, nesterov: true));

    [Theory]
    [InlineData(ScheduleShape.Constant, 1, 1, 1)]
    [InlineData(ScheduleShape.Linear, 1, 0.55, 0.1)]
    [InlineData(ScheduleShape.Cosine, 1, 0.55, 0.1)]
    public void A_schedule_warms_up_and_goes_down(ScheduleShape shape, double start, double middle, double end)
    {
        var schedule = new LearningRateSchedule { Peak = 2, Shape = shape, WarmupSteps = 10, Floor = 0.1 };
        Assert.Equal(0.2, schedule.At(0, 110), 12);
        Assert.Equal(2, schedule.At(9, 110), 12);
        Assert.Equal(2 * start, schedule.At(10, 110), 12);
        Assert.Equal(2 * middle, schedule.At(60, 110), 12);
        Assert.Equal(2 * end, schedule.At(110, 110), 12);
    }

    [Fact]
    public void Every_epoch_has_every_example_once_in_another_order()
    {
        var order = new DataOrder(50, 3);
        int[][] epochs = [.. Enumerable.Range(0, 3).Select(epoch => Enumerable.Range(0, 50).Select(i => order[(epoch * 50) + i]).ToArray())];
        Assert.All(epochs, epoch => Assert.Equal(Enumerable.Range(0, 50), epoch.Order()));
        Assert.NotEqual(epochs[0], epochs[1]);
        Assert.Equal(epochs[1][7], new DataOrder(50, 3)[57]);
        Assert.NotEqual(epochs[0], [.. Enumerable.Range(0, 50).Select(i => new DataOrder(50, 4)[i])]);
    }

    private static void Agrees(Func<IReadOnlyList<TrainedParameter>, Optimizer> make, Func<Parameter, optim.Optimizer> peer)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(5, CPU);
        Tensor start = randn([1, Length], generator: generator), goal = randn([1, Length], generator: generator);
        Tensor ours = start.clone();
        var theirs = new Parameter(start.clone());
        using var parameter = new TrainedParameter("p", ours);
        using Optimizer optimizer = make([parameter]);
        using optim.Optimizer reference = peer(theirs);
        for (int step = 1; step <= 5; step++)
        {
            (ours - goal).square().sum().backward();
            optimizer.Step(0.01, 1, step);
            reference.zero_grad();
            (theirs - goal).square().sum().backward();
            reference.step();
        }

        Assert.InRange((ours.detach() - theirs.detach()).abs().max().item<float>(), 0, 2e-6f);
        Assert.True((ours.detach() - start).abs().max().item<float>() > 0.01f);
    }
}
