using Merganser.Experiments.Families;
using Merganser.Weights;

namespace Merganser.Experiments.Synth;

/// <summary>Synthetic tasks with a trained base and an expert for each, made from a seed in seconds. Only trunks are merged; the head stays the base's.</summary>
public sealed class SynthFamily : ExpertFamily
{
    private const ulong BaseStream = 1_000_003, ExpertStream = 2_000_003, MultitaskStream = 3_000_017;
    private const double BaseRate = 3e-3, ExpertRate = 1e-3;

    private readonly SynthWorld _world;
    private readonly SynthNetwork _base;
    private readonly Dictionary<int, ArrayModel> _multitask = [];

    private SynthFamily(SynthOptions options, SynthWorld world, SynthNetwork baseNetwork, ArrayModel[] experts)
    {
        (Options, _world, _base, Experts) = (options, world, baseNetwork, experts);
        Base = baseNetwork.Trunk();
    }

    /// <summary>What it was made from.</summary>
    public SynthOptions Options { get; }

    /// <inheritdoc/>
    public override string Name => $"SynthTasks, width {Options.Width}, {(Options.StrongBase ? "strong" : "weak")} base, seed {Options.Seed}";

    /// <inheritdoc/>
    public override ArrayModel Base { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<ArrayModel> Experts { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Tasks => [.. Enumerable.Range(0, Options.Tasks).Select(task => $"task {task + 1}")];

    /// <summary>The tasks that have data but no expert; their indices follow those of <see cref="Tasks"/>.</summary>
    public IReadOnlyList<int> HeldOutTasks => [.. Enumerable.Range(Options.Tasks, Options.HeldOut)];

    /// <summary>Trains base and experts.</summary>
    public static SynthFamily Train(SynthOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var world = new SynthWorld(options);
        SynthRandom random = Stream(options.Seed, BaseStream);
        var network = new SynthNetwork(options.Width, random);
        SynthTraining.Run(network, world.Generic, options.StrongBase ? 400 : 80, BaseRate, trainHead: true, random, cancellation);
        var experts = new ArrayModel[options.Tasks];
        Parallel.For(0, options.Tasks, new ParallelOptions { CancellationToken = cancellation }, task =>
        {
            SynthNetwork expert = network.Copy();
            int steps = options.ExpertSteps * (task == 0 ? options.FirstTaskFactor : 1);
            SynthTraining.Run(expert, world.Train[task], steps, ExpertRate, trainHead: false, Stream(options.Seed, ExpertStream + (ulong)task), cancellation);
            experts[task] = expert.Trunk();
        });
        return new SynthFamily(options, world, network, experts);
    }

    /// <summary>One trunk trained from the base on the union of the first <paramref name="tasks"/> tasks, with as many steps as their experts had together.</summary>
    public ArrayModel Multitask(int tasks, CancellationToken cancellation = default)
    {
        if (!_multitask.TryGetValue(tasks, out ArrayModel? model))
        {
            SynthNetwork network = _base.Copy();
            var union = new SynthSet([.. _world.Train[..tasks].SelectMany(set => set.Inputs)], [.. _world.Train[..tasks].SelectMany(set => set.Labels)]);
            SynthTraining.Run(network, union, tasks * Options.ExpertSteps, ExpertRate, trainHead: false, Stream(Options.Seed, MultitaskStream + (ulong)tasks), cancellation);
            _multitask[tasks] = model = network.Trunk();
        }

        return model;
    }

    /// <inheritdoc/>
    public override double Score(ArrayModel model, int task, ImagePart part = ImagePart.Test)
    {
        ArgumentNullException.ThrowIfNull(model);
        return _base.With(model).Accuracy((part == ImagePart.Validation ? _world.Validation : _world.Test)[task]);
    }

    private static SynthRandom Stream(int seed, ulong purpose) => new(((ulong)seed * 7919) + (purpose << 20));
}
