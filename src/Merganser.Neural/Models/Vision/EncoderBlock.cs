using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Vision;

/// <summary>One block with norms in front: x += Attention(Norm(x)), the hook, x += Down(act(Up(Norm(x)))).</summary>
internal sealed class EncoderBlock
{
    private readonly LayerNorm _before, _after;
    private readonly Linear _query, _key, _value, _output, _up, _down;
    private readonly int _index, _heads;
    private readonly Func<Tensor, Tensor> _activation;

    public EncoderBlock(ModelParameters parameters, VisionNames names, string prefix, int index, VisionShape shape)
        : this(parameters, names, prefix, index, shape.Width, shape.Heads, shape.Intermediate, shape.Epsilon, shape.QkvBias, shape.Activation)
    {
    }

    public EncoderBlock(ModelParameters parameters, VisionNames names, string prefix, int index, int width, int heads, int intermediate, double epsilon, bool qkvBias, Func<Tensor, Tensor> activation)
    {
        string block = $"{prefix}{names.Blocks}.{index}.";
        (_index, _heads, _activation) = (index, heads, activation);
        _before = new LayerNorm(parameters, block + names.Before, width, epsilon);
        _query = new Linear(parameters, block + names.Query, width, width, qkvBias);
        _key = new Linear(parameters, block + names.Key, width, width, qkvBias);
        _value = new Linear(parameters, block + names.Value, width, width, qkvBias);
        _output = new Linear(parameters, block + names.Output, width, width, bias: true);
        _after = new LayerNorm(parameters, block + names.After, width, epsilon);
        _up = new Linear(parameters, block + names.Up, width, intermediate, bias: true);
        _down = new Linear(parameters, block + names.Down, intermediate, width, bias: true);
    }

    public TokenState Forward(TokenState state, AttentionBias bias, IBlockHook? hook = null)
    {
        Tensor inner = _before.Forward(state.Tokens);
        Tensor query = Attention.SplitHeads(_query.Forward(inner), _heads), key = Attention.SplitHeads(_key.Forward(inner), _heads), value = Attention.SplitHeads(_value.Forward(inner), _heads);
        AttentionOutput attention = hook is IAttentionHook own
            ? own.Attend(_index, query, key, value, bias)
            : Attention.Compute(query, key, value, bias, wish: hook?.Wish(_index) ?? AttentionWish.None);
        state = state with { Tokens = state.Tokens + _output.Forward(Attention.JoinHeads(attention.Output)) };
        if (hook is not null)
            state = Checked(hook.AfterAttention(_index, state, attention), state.Tokens);
        return state with { Tokens = state.Tokens + _down.Forward(_activation(_up.Forward(_after.Forward(state.Tokens)))) };
    }

    private TokenState Checked(TokenState state, Tensor before)
    {
        Tensor tokens = state.Tokens;
        if (tokens.dim() != 3 || tokens.shape[0] != before.shape[0] || tokens.shape[1] == 0 || tokens.shape[2] != before.shape[2])
            throw new InvalidOperationException($"the hook of block {_index} returned tokens [{string.Join(", ", tokens.shape)}] for [{string.Join(", ", before.shape)}]");
        if (state.Size is { } size && !(size.dim() == 3 && size.shape[0] == tokens.shape[0] && size.shape[1] == tokens.shape[1] && size.shape[2] == 1))
            throw new InvalidOperationException($"the hook of block {_index} returned sizes [{string.Join(", ", size.shape)}] for tokens [{string.Join(", ", tokens.shape)}]; they are [batch, tokens, 1]");
        return state;
    }
}
