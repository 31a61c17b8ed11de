using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>A pre-norm block: x += attn(LN(x)), in the decoder x += attn(LN(x), encoder), x += fc2(act(fc1(LN(x)))).</summary>
internal sealed class WhisperBlock
{
    private const double Epsilon = 1e-5;

    private readonly WhisperAttention _self;
    private readonly WhisperAttention? _cross;
    private readonly LayerNorm _selfNorm, _norm;
    private readonly LayerNorm? _crossNorm;
    private readonly Linear _inner, _outer;
    private readonly Func<Tensor, Tensor> _activation;

    public WhisperBlock(ModelParameters parameters, string name, int width, int heads, int intermediate, Func<Tensor, Tensor> activation, bool isDecoder)
    {
        _activation = activation;
        _self = new WhisperAttention(parameters, $"{name}.self_attn", width, heads);
        _selfNorm = new LayerNorm(parameters, $"{name}.self_attn_layer_norm", width, Epsilon);
        if (isDecoder)
        {
            _cross = new WhisperAttention(parameters, $"{name}.encoder_attn", width, heads);
            _crossNorm = new LayerNorm(parameters, $"{name}.encoder_attn_layer_norm", width, Epsilon);
        }

        _inner = new Linear(parameters, $"{name}.fc1", width, intermediate, bias: true);
        _outer = new Linear(parameters, $"{name}.fc2", intermediate, width, bias: true);
        _norm = new LayerNorm(parameters, $"{name}.final_layer_norm", width, Epsilon);
    }

    public Tensor Forward(Tensor x, EncoderState state)
    {
        (Tensor query, Tensor key, Tensor value) = _self.Project(_selfNorm.Forward(x));
        return FeedForward(x + _self.Joined(state.Attend(query, key, value)));
    }

    public Tensor Forward(Tensor x, Seq2SeqState state, int layer)
    {
        (Tensor query, Tensor key, Tensor value) = _self.Project(_selfNorm.Forward(x));
        x += _self.Joined(state.AttendSelf(layer, query, key, value));
        return FeedForward(x + _cross!.Joined(state.AttendCross(layer, _cross.Query(_crossNorm!.Forward(x)), _cross.KeysAndValues)));
    }

    private Tensor FeedForward(Tensor x) => x + _outer.Forward(_activation(_inner.Forward(_norm.Forward(x))));
}

/// <summary>Projections with biases, except for the keys.</summary>
internal sealed class WhisperAttention(ModelParameters parameters, string name, int width, int heads)
{
    private readonly Linear _key = new(parameters, $"{name}.k_proj", width, width, bias: false);
    private readonly Linear _value = new(parameters, $"{name}.v_proj", width, width, bias: true);
    private readonly Linear _query = new(parameters, $"{name}.q_proj", width, width, bias: true);
    private readonly Linear _output = new(parameters, $"{name}.out_proj", width, width, bias: true);

    public Tensor Query(Tensor x) => Attention.SplitHeads(_query.Forward(x), heads);

    public (Tensor Keys, Tensor Values) KeysAndValues(Tensor x) =>
        (Attention.SplitHeads(_key.Forward(x), heads), Attention.SplitHeads(_value.Forward(x), heads));

    public (Tensor Query, Tensor Keys, Tensor Values) Project(Tensor x)
    {
        (Tensor keys, Tensor values) = KeysAndValues(x);
        return (Query(x), keys, values);
    }

    public Tensor Joined(Tensor attended) => _output.Forward(Attention.JoinHeads(attended));
}
