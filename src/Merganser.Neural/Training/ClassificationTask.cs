using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>Classes: cross-entropy of the scores of a batch, accuracy on held-out examples.</summary>
/// <param name="labels">The class of each example.</param>
/// <param name="heldOutLabels">The class of each held-out example.</param>
public abstract class ClassificationTask(IReadOnlyList<int> labels, IReadOnlyList<int> heldOutLabels) : TrainingTask
{
    private const int EvaluationBatch = 64;

    /// <inheritdoc/>
    public override int Count => labels.Count;

    /// <summary>The mixing of the target with the uniform distribution, 0 to below 1; 0 by default.</summary>
    public double LabelSmoothing { get; init; }

    /// <inheritdoc/>
    public override TrainingLoss Loss(TrainingBatch batch)
    {
        Tensor scores = Scores(batch.Examples, fromHeldOut: false, batch.Seed).to(ScalarType.Float32);
        return new TrainingLoss(nn.functional.cross_entropy(scores, Targets(labels, batch.Examples, scores.device), label_smoothing: LabelSmoothing), batch.Examples.Length);
    }

    /// <inheritdoc/>
    public override TrainingEvaluation? Evaluate()
    {
        if (heldOutLabels.Count == 0)
            return null;
        double sum = 0;
        long right = 0;
        for (int start = 0; start < heldOutLabels.Count; start += EvaluationBatch)
        {
            using TorchSharp.DisposeScope scope = NewDisposeScope();
            int[] examples = [.. Enumerable.Range(start, Math.Min(EvaluationBatch, heldOutLabels.Count - start))];
            Tensor scores = Scores(examples, fromHeldOut: true, 0).to(ScalarType.Float32), targets = Targets(heldOutLabels, examples, scores.device);
            sum += nn.functional.cross_entropy(scores, targets).item<float>() * examples.Length;
            right += scores.argmax(1).eq(targets).sum().item<long>();
        }

        return new TrainingEvaluation(sum / heldOutLabels.Count, (double)right / heldOutLabels.Count);
    }

    /// <summary>The scores [B, classes] of some examples.</summary>
    protected abstract Tensor Scores(int[] examples, bool fromHeldOut, ulong seed);

    private static Tensor Targets(IReadOnlyList<int> labels, int[] examples, Device device) => tensor((long[])[.. examples.Select(example => (long)labels[example])], device: device);
}
