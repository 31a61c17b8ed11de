using static TorchSharp.torch;

namespace Merganser.Neural.Models.Layers;

/// <summary>Normalisation over the last axis.</summary>
internal abstract class Norm
{
    public abstract Tensor Forward(Tensor input);
}

/// <summary>Mean and variance, weight and bias; the variance divides by the width.</summary>
internal sealed class LayerNorm(ModelParameters parameters, string name, long width, double epsilon) : Norm
{
    private readonly long[] _shape = [width];
    private readonly ModelParameter _weight = parameters.Add($"{name}.weight", [width], Initialization.Ones);
    private readonly ModelParameter _bias = parameters.Add($"{name}.bias", [width], Initialization.Zeros);

    public override Tensor Forward(Tensor input) => nn.functional.layer_norm(input, _shape, _weight.Value, _bias.Value, epsilon);
}

/// <summary>x·rsqrt(mean(x²) + ε)·weight, the statistics in float32 whatever the type of x.</summary>
internal sealed class RmsNorm(ModelParameters parameters, string name, long width, double epsilon) : Norm
{
    private readonly ModelParameter _weight = parameters.Add($"{name}.weight", [width], Initialization.Ones);

    public override Tensor Forward(Tensor input)
    {
        Tensor wide = input.to(ScalarType.Float32);
        Tensor scaled = wide * wide.square().mean([-1], keepdim: true).add(epsilon).rsqrt();
        return _weight.Value * scaled.to(input.dtype);
    }
}
