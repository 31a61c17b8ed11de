using System.Numerics.Tensors;
using Merganser.Neural.Models;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>The activations that configurations name, in place on at most 64 values, without libtorch.</summary>
internal abstract class GateActivation
{
    public abstract void Apply(Span<float> x);

    /// <exception cref="MerganserException">The name is unknown.</exception>
    public static GateActivation Of(ModelConfig config) => config.Text("hidden_act", "silu") switch
    {
        "silu" or "swish" => new Sigmoid(1),
        "quick_gelu" => new Sigmoid(1.702f),
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" => new GeluTanh(),
        "gelu" => new Gelu(),
        "relu" => new Relu(),
        "tanh" => new Tanh(),
        _ => throw config.Wrong("hidden_act", "gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, quick_gelu, silu, relu or tanh"),
    };

    /// <summary>x·σ(s·x).</summary>
    private sealed class Sigmoid(float slope) : GateActivation
    {
        public override void Apply(Span<float> x)
        {
            Span<float> gate = stackalloc float[x.Length];
            TensorPrimitives.Multiply(x, slope, gate);
            TensorPrimitives.Sigmoid(gate, gate);
            TensorPrimitives.Multiply(x, gate, x);
        }
    }

    /// <summary>0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
    private sealed class GeluTanh : GateActivation
    {
        public override void Apply(Span<float> x)
        {
            for (int i = 0; i < x.Length; i++)
                x[i] = 0.5f * x[i] * (1 + MathF.Tanh(0.7978845608f * (x[i] + (0.044715f * x[i] * x[i] * x[i]))));
        }
    }

    /// <summary>0.5·x·(1 + erf(x/√2)), erf by formula 7.1.26 of Abramowitz and Stegun: wrong by at most 1.5e-7.</summary>
    private sealed class Gelu : GateActivation
    {
        public override void Apply(Span<float> x)
        {
            for (int i = 0; i < x.Length; i++)
                x[i] = (float)(0.5 * x[i] * (1 + Erf(x[i] / Math.Sqrt(2))));
        }

        private static double Erf(double x)
        {
            double t = 1 / (1 + (0.3275911 * Math.Abs(x)));
            double series = t * (0.254829592 + (t * (-0.284496736 + (t * (1.421413741 + (t * (-1.453152027 + (t * 1.061405429))))))));
            return Math.CopySign(1 - (series * Math.Exp(-x * x)), x);
        }
    }

    private sealed class Relu : GateActivation
    {
        public override void Apply(Span<float> x) => TensorPrimitives.Max(x, 0f, x);
    }

    private sealed class Tanh : GateActivation
    {
        public override void Apply(Span<float> x) => TensorPrimitives.Tanh(x, x);
    }
}
