using System.Numerics.Tensors;
using Tensor = TorchSharp.torch.Tensor;

namespace Merganser.Neural.Training;

/// <summary>
/// Stochastic gradient descent with momentum and decoupled decay: p ← p·(1 − lr·decay); b ← μb + g; p ← p − lr·b, or with Nesterov's
/// look-ahead p ← p − lr·(g + μb).
/// </summary>
public sealed class Sgd(IReadOnlyList<TrainedParameter> parameters) : Optimizer(parameters, "momentum")
{
    /// <summary>The memory of past gradients, 0 to below 1; 0.9 by default.</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>Nesterov's look-ahead; off by default.</summary>
    public bool Nesterov { get; init; }

    /// <summary>The decay per step and unit of learning rate, 0 or more; 0 by default. It applies to tensors with two or more axes.</summary>
    public double WeightDecay { get; init; }

    /// <inheritdoc/>
    public override string Description => FormattableString.Invariant($"sgd momentum={Momentum} nesterov={Nesterov} decay={WeightDecay}");

    private protected override void Update(in Run run, double rate, double gradientScale, long step)
    {
        Span<float> values = run.Values, memory = run.First;
        float scale = (float)gradientScale;
        TensorPrimitives.Multiply(memory, (float)Momentum, memory);
        TensorPrimitives.MultiplyAdd(run.Gradients, scale, memory, memory);
        if (run.Decays && WeightDecay != 0)
            TensorPrimitives.Multiply(values, (float)(1 - (rate * WeightDecay)), values);
        TensorPrimitives.MultiplyAdd(memory, (float)(Nesterov ? -rate * Momentum : -rate), values, values);
        if (Nesterov)
            TensorPrimitives.MultiplyAdd(run.Gradients, (float)(-rate * scale), values, values);
    }

    private protected override void Update(TrainedParameter parameter, Tensor gradient, Tensor[] state, double rate, double gradientScale, long step)
    {
        Tensor g = gradient * gradientScale;
        state[0].mul_(Momentum).add_(g);
        if (parameter.Decays)
            parameter.Master.mul_(1 - (rate * WeightDecay));
        parameter.Master.add_(Nesterov ? g.add_(state[0], alpha: Momentum) : state[0], alpha: -rate);
    }
}
