namespace Merganser.Experiments.Synth;

/// <summary>What a family of synthetic tasks is like. Equal options give equal families.</summary>
public sealed record SynthOptions
{
    /// <summary>The seed of the world, the data and the training.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The number of tasks with an expert; the world of fewer tasks is not a part of that of more.</summary>
    public int Tasks { get; init; } = 8;

    /// <summary>Further tasks that nobody is trained on.</summary>
    public int HeldOut { get; init; } = 2;

    /// <summary>The width of the trunk.</summary>
    public int Width { get; init; } = 128;

    /// <summary>True for a base of 4000 samples and 400 steps, false for one of 400 samples and 80 steps.</summary>
    public bool StrongBase { get; init; } = true;

    /// <summary>The share of training labels that are random in every second task.</summary>
    public double LabelNoise { get; init; }

    /// <summary>How much longer than the others the expert of the first task is trained.</summary>
    public int FirstTaskFactor { get; init; } = 1;

    /// <summary>Steps of an expert.</summary>
    public int ExpertSteps { get; init; } = 300;

    /// <summary>Training samples of a task.</summary>
    public int TrainSamples { get; init; } = 2000;

    /// <summary>Samples of a task to report on; half as many more are for choosing.</summary>
    public int TestSamples { get; init; } = 1000;

    /// <summary>The same with little training, for tests of the machinery.</summary>
    public SynthOptions Quick() => this with { Width = Math.Min(Width, 32), ExpertSteps = 60, TrainSamples = 400, TestSamples = 200 };
}
