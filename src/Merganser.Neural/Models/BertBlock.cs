using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>A post-norm block: a = LN(x + dense(attn(x))), y = LN(a + dense(act(dense(a)))).</summary>
internal sealed class BertBlock
{
    private readonly Linear _query, _key, _value, _attended, _inner, _outer;
    private readonly LayerNorm _attentionNorm, _outputNorm;
    private readonly Func<Tensor, Tensor> _activation;
    private readonly int _heads;

    public BertBlock(ModelParameters parameters, string name, BertShape shape, Func<Tensor, Tensor> activation)
    {
        (_heads, _activation) = (shape.Heads, activation);
        string attention = $"{name}.attention";
        _query = new Linear(parameters, $"{attention}.self.query", shape.Width, shape.Width, bias: true);
        _key = new Linear(parameters, $"{attention}.self.key", shape.Width, shape.Width, bias: true);
        _value = new Linear(parameters, $"{attention}.self.value", shape.Width, shape.Width, bias: true);
        _attended = new Linear(parameters, $"{attention}.output.dense", shape.Width, shape.Width, bias: true);
        _attentionNorm = new LayerNorm(parameters, $"{attention}.output.LayerNorm", shape.Width, shape.Epsilon);
        _inner = new Linear(parameters, $"{name}.intermediate.dense", shape.Width, shape.Intermediate, bias: true);
        _outer = new Linear(parameters, $"{name}.output.dense", shape.Intermediate, shape.Width, bias: true);
        _outputNorm = new LayerNorm(parameters, $"{name}.output.LayerNorm", shape.Width, shape.Epsilon);
    }

    public Tensor Forward(Tensor x, EncoderState state)
    {
        Tensor attended = state.Attend(
            Attention.SplitHeads(_query.Forward(x), _heads),
            Attention.SplitHeads(_key.Forward(x), _heads),
            Attention.SplitHeads(_value.Forward(x), _heads));
        Tensor between = _attentionNorm.Forward(x + _attended.Forward(Attention.JoinHeads(attended)));
        return _outputNorm.Forward(between + _outer.Forward(_activation(_inner.Forward(between))));
    }
}
