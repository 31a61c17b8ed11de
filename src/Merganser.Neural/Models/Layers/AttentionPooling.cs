using Merganser.Neural.Models.Vision;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Layers;

/// <summary>One learnt query looks at all tokens: y = Attention(probe, x, x), y += Down(act(Up(Norm(y)))).</summary>
internal sealed class AttentionPooling
{
    private readonly ModelParameter _probe, _weight, _bias;
    private readonly Linear _output, _up, _down;
    private readonly LayerNorm _norm;
    private readonly VisionShape _shape;

    public AttentionPooling(ModelParameters parameters, string name, VisionShape shape)
    {
        _shape = shape;
        long width = shape.Width;
        _probe = parameters.Add($"{name}.probe", [1, 1, width]);
        _weight = parameters.Add($"{name}.attention.in_proj_weight", [3 * width, width]);
        _bias = parameters.Add($"{name}.attention.in_proj_bias", [3 * width], Initialization.Zeros);
        _output = new Linear(parameters, $"{name}.attention.out_proj", width, width, bias: true);
        _norm = new LayerNorm(parameters, $"{name}.layernorm", width, shape.Epsilon);
        _up = new Linear(parameters, $"{name}.mlp.fc1", width, shape.Intermediate, bias: true);
        _down = new Linear(parameters, $"{name}.mlp.fc2", shape.Intermediate, width, bias: true);
    }

    /// <summary>[B, N, C] → [B, C].</summary>
    public Tensor Forward(Tensor tokens, AttentionBias bias)
    {
        Tensor query = Projected(_probe.Value, 0).expand(tokens.shape[0], -1, -1, -1);
        Tensor attended = Attention.JoinHeads(Attention.Compute(query, Projected(tokens, 1), Projected(tokens, 2), bias).Output);
        Tensor y = _output.Forward(attended);
        return (y + _down.Forward(_shape.Activation(_up.Forward(_norm.Forward(y))))).select(1, 0);
    }

    /// <summary>Part 0, 1 or 2 of the rows of the input projection: queries, keys, values; split in heads.</summary>
    private Tensor Projected(Tensor x, int part)
    {
        long width = _shape.Width;
        return Attention.SplitHeads(nn.functional.linear(x, _weight.Value.narrow(0, part * width, width), _bias.Value.narrow(0, part * width, width)), _shape.Heads);
    }
}
