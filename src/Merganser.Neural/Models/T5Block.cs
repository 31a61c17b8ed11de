using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>The blocks of one side of a T5 with the final norm: pre-norm, no biases, scores not scaled, one table of relative positions for all blocks.</summary>
internal sealed class T5Stack
{
    private readonly ModelParameter _tokens;
    private readonly T5Block[] _blocks;
    private readonly RmsNorm _norm;

    /// <summary>Declares the parameters; <paramref name="shared"/> is the embedding of both sides, of which files may hold copies.</summary>
    public T5Stack(ModelParameters parameters, string name, T5Shape shape, ModelParameter shared, int layers, bool isDecoder)
    {
        _tokens = parameters.Add($"{name}.embed_tokens.weight", [shape.Vocabulary, shape.Width], tiedTo: shared);
        ModelParameter table = parameters.Add($"{name}.block.0.layer.0.SelfAttention.relative_attention_bias.weight", [shape.Buckets, shape.Heads]);
        Relative = new RelativePositionBias(table, !isDecoder, shape.Buckets, shape.MaxDistance);
        _blocks = [.. Enumerable.Range(0, layers).Select(layer => new T5Block(parameters, $"{name}.block.{layer}", shape, isDecoder))];
        _norm = new RmsNorm(parameters, $"{name}.final_layer_norm", shape.Width, shape.Epsilon);
    }

    public RelativePositionBias Relative { get; }

    public int Layers => _blocks.Length;

    public Tensor Embed(Tensor ids) => _tokens.Value.index_select(0, ids.reshape(-1)).view([.. ids.shape, _tokens.Shape[1]]);

    /// <summary>Mask and relative positions as one tensor, made once for all layers of the encoder.</summary>
    public EncoderState Begin(Tensor ids, EncoderInput input, ScalarType type)
    {
        if (input.Bias is not null)
            return EncoderState.Of(input);
        var bias = new AttentionBias
        {
            KeyMask = input.Mask?.to(ScalarType.Bool),
            Full = input.Positions is { } positions ? Relative.Between(positions, positions) : Relative.Square(ids.shape[1]),
        };
        return new EncoderState(new AttentionBias { Full = bias.ToTensor(type, ids.device) }, input.Attention);
    }

    public Tensor Run(int layer, Tensor hidden, EncoderState state) => _blocks[layer].Forward(hidden, state);

    public Tensor Run(int layer, Tensor hidden, Seq2SeqState state) => _blocks[layer].Forward(hidden, state, layer);

    public Tensor Finish(Tensor hidden) => _norm.Forward(hidden);
}

/// <summary>x += o(attn(RMS(x))), in the decoder x += o(attn(RMS(x), encoder)), x += wo(act(wi(RMS(x)))) or wo(act(wi_0) ∘ wi_1).</summary>
internal sealed class T5Block
{
    private readonly T5Attention _self;
    private readonly T5Attention? _cross;
    private readonly RmsNorm _norm;
    private readonly Linear _inner, _outer;
    private readonly Linear? _gated;
    private readonly Func<Tensor, Tensor> _activation;

    public T5Block(ModelParameters parameters, string name, T5Shape shape, bool isDecoder)
    {
        _self = new T5Attention(parameters, $"{name}.layer.0", "SelfAttention", shape);
        _cross = isDecoder ? new T5Attention(parameters, $"{name}.layer.1", "EncDecAttention", shape) : null;
        string layer = $"{name}.layer.{(isDecoder ? 2 : 1)}", net = $"{layer}.DenseReluDense";
        _norm = new RmsNorm(parameters, $"{layer}.layer_norm", shape.Width, shape.Epsilon);
        _inner = new Linear(parameters, shape.IsGated ? $"{net}.wi_0" : $"{net}.wi", shape.Width, shape.Intermediate, bias: false);
        _gated = shape.IsGated ? new Linear(parameters, $"{net}.wi_1", shape.Width, shape.Intermediate, bias: false) : null;
        _outer = new Linear(parameters, $"{net}.wo", shape.Intermediate, shape.Width, bias: false);
        _activation = shape.Activation;
    }

    public Tensor Forward(Tensor x, EncoderState state) => FeedForward(x + _self.Forward(x, state));

    public Tensor Forward(Tensor x, Seq2SeqState state, int layer)
    {
        x += _self.Forward(x, state, layer);
        return FeedForward(x + _cross!.Look(x, state, layer));
    }

    private Tensor FeedForward(Tensor x)
    {
        Tensor normed = _norm.Forward(x), inner = _activation(_inner.Forward(normed));
        return x + _outer.Forward(_gated is null ? inner : inner * _gated.Forward(normed));
    }
}

/// <summary>Norm, projections and attention; heads × width may differ from the width of the hidden states.</summary>
internal sealed class T5Attention
{
    private readonly RmsNorm _norm;
    private readonly Linear _query, _key, _value, _output;
    private readonly int _heads;

    public T5Attention(ModelParameters parameters, string layer, string kind, T5Shape shape)
    {
        long inner = (long)shape.Heads * shape.HeadDim;
        _heads = shape.Heads;
        _query = new Linear(parameters, $"{layer}.{kind}.q", shape.Width, inner, bias: false);
        _key = new Linear(parameters, $"{layer}.{kind}.k", shape.Width, inner, bias: false);
        _value = new Linear(parameters, $"{layer}.{kind}.v", shape.Width, inner, bias: false);
        _output = new Linear(parameters, $"{layer}.{kind}.o", inner, shape.Width, bias: false);
        _norm = new RmsNorm(parameters, $"{layer}.layer_norm", shape.Width, shape.Epsilon);
    }

    public Tensor Forward(Tensor x, EncoderState state)
    {
        Tensor normed = _norm.Forward(x);
        return Joined(state.Attend(Heads(_query, normed), Heads(_key, normed), Heads(_value, normed), scale: 1));
    }

    public Tensor Forward(Tensor x, Seq2SeqState state, int layer)
    {
        Tensor normed = _norm.Forward(x);
        return Joined(state.AttendSelf(layer, Heads(_query, normed), Heads(_key, normed), Heads(_value, normed), scale: 1));
    }

    public Tensor Look(Tensor x, Seq2SeqState state, int layer) =>
        Joined(state.AttendCross(layer, Heads(_query, _norm.Forward(x)), states => (Heads(_key, states), Heads(_value, states)), scale: 1));

    private Tensor Heads(Linear projection, Tensor x) => Attention.SplitHeads(projection.Forward(x), _heads);

    private Tensor Joined(Tensor attended) => _output.Forward(Attention.JoinHeads(attended));
}
