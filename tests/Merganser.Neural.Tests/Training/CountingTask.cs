using Merganser.Neural.Models;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Training;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Training;

/// <summary>Rows of ids that count upwards, to be learned by a tiny decoder.</summary>
internal sealed class CountingTask(CausalLm model) : TrainingTask
{
    public override int Count => 20;

    public override string Unit => "tokens";

    public Func<double>? HeldOutLoss { get; init; }

    public override TrainingLoss Loss(TrainingBatch batch)
    {
        Tensor ids = (tensor((long[])[.. batch.Examples.Select(example => (long)example)]).unsqueeze(1) + arange(9, ScalarType.Int64)).remainder(TinyModel.Vocabulary);
        Tensor logits = model.Forward(ids.narrow(1, 0, 8)).Logits;
        return new TrainingLoss(nn.functional.cross_entropy(logits.to(ScalarType.Float32).reshape(-1, TinyModel.Vocabulary), ids.narrow(1, 1, 8).reshape(-1)), 8 * batch.Examples.Length);
    }

    public override TrainingEvaluation? Evaluate() => HeldOutLoss is null
        ? new TrainingEvaluation(Loss(new TrainingBatch([0, 5, 9], 0, 0, 0)).Value.item<float>())
        : new TrainingEvaluation(HeldOutLoss());
}
