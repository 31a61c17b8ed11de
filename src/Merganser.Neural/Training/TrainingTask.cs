using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>What is learned: examples and the loss on them. It must depend on nothing but the batch that it is given, so that a run can be taken up again exactly.</summary>
public abstract class TrainingTask
{
    /// <summary>The number of examples of an epoch. A task that makes its examples up from <see cref="TrainingBatch.Seed"/> may say any number.</summary>
    public abstract int Count { get; }

    /// <summary>What is counted per second: <c>tokens</c>, <c>images</c>, <c>texts</c>.</summary>
    public virtual string Unit => "examples";

    /// <summary>The mean loss over a batch, a scalar with its history. It is called inside the step's dispose scope.</summary>
    public abstract TrainingLoss Loss(TrainingBatch batch);

    /// <summary>Measures on examples that are not trained on; null if there are none. Gradients are off.</summary>
    public virtual TrainingEvaluation? Evaluate() => null;
}

/// <summary>The examples of a step, or of a part of it.</summary>
/// <param name="Examples">Which examples.</param>
/// <param name="Step">The step, from 0.</param>
/// <param name="Part">The part of the step's batch, from 0.</param>
/// <param name="Seed">A number of this run, step and part, for random changes to the examples.</param>
public readonly record struct TrainingBatch(int[] Examples, int Step, int Part, ulong Seed);

/// <summary>The loss on a batch.</summary>
/// <param name="Value">A scalar.</param>
/// <param name="Units">How many tokens, images, … went in.</param>
public readonly record struct TrainingLoss(Tensor Value, long Units);

/// <summary>A measurement on held-out examples.</summary>
/// <param name="Loss">The mean loss.</param>
/// <param name="Score">Another figure, higher is better, such as accuracy; null if there is none.</param>
/// <param name="ScoreName">What it is called.</param>
public sealed record TrainingEvaluation(double Loss, double? Score = null, string ScoreName = "accuracy");
