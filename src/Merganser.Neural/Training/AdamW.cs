using System.Numerics;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>
/// Adam with decay that is decoupled from the gradient (Decoupled Weight Decay Regularization, arXiv 1711.05101):
/// p ← p·(1 − lr·decay); m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; p ← p − lr·(m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε).
/// </summary>
public sealed class AdamW(IReadOnlyList<TrainedParameter> parameters) : Optimizer(parameters, "exp_avg", "exp_avg_sq")
{
    /// <summary>The memory of the mean gradient, 0 to below 1; 0.9 by default.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>The memory of the mean squared gradient, 0 to below 1; 0.999 by default.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root, above 0; 1e-8 by default.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The decay per step and unit of learning rate, 0 or more; 0.01 by default. It applies to tensors with two or more axes.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <inheritdoc/>
    public override string Description => FormattableString.Invariant($"adamw beta1={Beta1} beta2={Beta2} epsilon={Epsilon} decay={WeightDecay}");

    private protected override void Update(in Run run, double rate, double gradientScale, long step)
    {
        float kept = run.Decays ? (float)(1 - (rate * WeightDecay)) : 1;
        float size = (float)(rate / (1 - Math.Pow(Beta1, step))), root = (float)(1 / Math.Sqrt(1 - Math.Pow(Beta2, step)));
        float scale = (float)gradientScale, b1 = (float)Beta1, r1 = (float)(1 - Beta1), b2 = (float)Beta2, r2 = (float)(1 - Beta2), epsilon = (float)Epsilon;
        Span<float> values = run.Values, first = run.First, second = run.Second;
        ReadOnlySpan<float> gradients = run.Gradients;
        Span<Vector<float>> wideValues = MemoryMarshal.Cast<float, Vector<float>>(values), wideFirst = MemoryMarshal.Cast<float, Vector<float>>(first), wideSecond = MemoryMarshal.Cast<float, Vector<float>>(second);
        ReadOnlySpan<Vector<float>> wideGradients = MemoryMarshal.Cast<float, Vector<float>>(gradients);
        var epsilons = new Vector<float>(epsilon);
        for (int i = 0; i < wideValues.Length; i++)
        {
            Vector<float> g = wideGradients[i] * scale;
            Vector<float> m = (wideFirst[i] * b1) + (g * r1), v = (wideSecond[i] * b2) + (g * g * r2);
            (wideFirst[i], wideSecond[i]) = (m, v);
            wideValues[i] = (wideValues[i] * kept) - (m * size / ((Vector.SquareRoot(v) * root) + epsilons));
        }

        for (int i = wideValues.Length * Vector<float>.Count; i < values.Length; i++)
        {
            float g = gradients[i] * scale;
            float m = (first[i] * b1) + (g * r1), v = (second[i] * b2) + (g * g * r2);
            (first[i], second[i]) = (m, v);
            values[i] = (values[i] * kept) - (m * size / ((MathF.Sqrt(v) * root) + epsilon));
        }
    }

    private protected override void Update(TrainedParameter parameter, Tensor gradient, Tensor[] state, double rate, double gradientScale, long step)
    {
        Tensor g = gradient * gradientScale;
        if (parameter.Decays)
            parameter.Master.mul_(1 - (rate * WeightDecay));
        state[0].mul_(Beta1).add_(g, alpha: 1 - Beta1);
        state[1].mul_(Beta2).addcmul_(g, g, 1 - Beta2);
        Tensor divisor = (state[1].sqrt() * (1 / Math.Sqrt(1 - Math.Pow(Beta2, step)))).add_(Epsilon);
        parameter.Master.addcdiv_(state[0], divisor, -rate / (1 - Math.Pow(Beta1, step)));
    }
}
