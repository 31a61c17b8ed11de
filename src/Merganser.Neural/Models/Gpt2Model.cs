using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// GPT-2: learned positions, pre-norm blocks x = x + c_proj(attn(LN(x))), x = x + c_proj(act(c_fc(LN(x)))), a head tied to the token
/// embeddings. Parameters: <c>transformer.h.*.attn.c_attn.weight</c> [D, 3D] (input-major) and so on; the first published files leave
/// out <c>transformer.</c> and carry masks as buffers. Scores are multiplied by hd^−½ with <c>scale_attn_weights</c> (default true) and by
/// 1/(i+1) in layer i with <c>scale_attn_by_inverse_layer_idx</c> (default false); <c>reorder_and_upcast_attn</c> changes nothing here,
/// because the softmax is float32 in any case.
/// </summary>
public sealed class Gpt2Model : CausalLm
{
    private readonly Embedding _tokens, _positions;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly ModelParameter _head;

    internal Gpt2Model(ModelConfig config, ModelOptions options)
        : base(config, options)
    {
        if (config.Flag("add_cross_attention", false))
            throw config.Wrong("add_cross_attention", "false: a decoder that looks at an encoder is not supported");
        int layers = config.Size("n_layer");
        Width = config.Size("n_embd");
        Heads = config.Size("n_head");
        if (Width % Heads != 0)
            throw config.Wrong("n_embd", $"a multiple of n_head, {Heads}");
        VocabularySize = config.Size("vocab_size");
        MaxPositions = config.Size("n_positions", config.Size("n_ctx", 1024));
        _tokens = new Embedding(Parameters, "transformer.wte", VocabularySize, Width);
        _positions = new Embedding(Parameters, "transformer.wpe", MaxPositions, Width);
        double epsilon = config.Number("layer_norm_epsilon", 1e-5);
        _blocks = [.. Enumerable.Range(0, layers).Select(layer => new Block(this, layer, epsilon))];
        _norm = new LayerNorm(Parameters, "transformer.ln_f", Width, epsilon);
        _head = Parameters.Add("lm_head.weight", [VocabularySize, Width], tiedTo: _tokens.Weight, startsTied: config.Flag("tie_word_embeddings", true));
    }

    /// <summary>The width of the hidden states.</summary>
    public int Width { get; }

    /// <summary>The number of heads.</summary>
    public int Heads { get; }

    /// <inheritdoc/>
    public override int Layers => _blocks.Length;

    /// <inheritdoc/>
    public override int VocabularySize { get; }

    /// <inheritdoc/>
    public override int MaxPositions { get; }

    /// <inheritdoc/>
    protected override WeightMap Names { get; } = new()
    {
        Prefix = "transformer.",
        Rules =
        [
            WeightRule.IgnoreEnding("attn.bias", "the causal mask, which is computed"),
            WeightRule.IgnoreEnding("attn.masked_bias", "a constant of the mask"),
            WeightRule.Ignore("classifier.weight", "another head"),
            WeightRule.Ignore("classifier.bias", "another head"),
        ],
    };

    /// <inheritdoc/>
    /// <exception cref="MerganserException">A position is beyond the table of positions.</exception>
    public override Tensor Embed(Tensor ids, Tensor positions)
    {
        long last = positions.max().item<long>();
        if (last >= MaxPositions)
            throw Config.TooLong("n_positions", last + 1, MaxPositions);
        // Pads on the left come with −1 from cumsum(mask) − 1; what they compute is never seen.
        return _tokens.Forward(ids) + _positions.Forward(positions.clamp_min(0));
    }

    /// <inheritdoc/>
    public override Tensor Finish(Tensor hidden) => _norm.Forward(hidden);

    /// <inheritdoc/>
    public override Tensor Head(Tensor hidden) => nn.functional.linear(hidden, _head.Value);

    /// <inheritdoc/>
    protected override Tensor RunLayer(int layer, Tensor hidden, CausalState state) => _blocks[layer].Forward(hidden, state);

    private sealed class Block
    {
        private readonly int _layer, _heads;
        private readonly double _scale;
        private readonly LayerNorm _before, _between;
        private readonly Linear _queryKeyValue, _output, _up, _down;
        private readonly Func<Tensor, Tensor> _activation;

        public Block(Gpt2Model model, int layer, double epsilon)
        {
            ModelParameters parameters = model.Parameters;
            ModelConfig config = model.Config;
            string name = $"transformer.h.{layer}";
            int width = model.Width, inner = config.Size("n_inner", 4 * width);
            (_layer, _heads) = (layer, model.Heads);
            _before = new LayerNorm(parameters, $"{name}.ln_1", width, epsilon);
            _queryKeyValue = new Linear(parameters, $"{name}.attn.c_attn", width, 3L * width, bias: true, inputMajor: true);
            _output = new Linear(parameters, $"{name}.attn.c_proj", width, width, bias: true, inputMajor: true);
            _between = new LayerNorm(parameters, $"{name}.ln_2", width, epsilon);
            _up = new Linear(parameters, $"{name}.mlp.c_fc", width, inner, bias: true, inputMajor: true);
            _down = new Linear(parameters, $"{name}.mlp.c_proj", inner, width, bias: true, inputMajor: true);
            _activation = Activation.Of(config, "activation_function", "gelu_new");
            _scale = (config.Flag("scale_attn_weights", true) ? Math.Pow(width / _heads, -0.5) : 1)
                / (config.Flag("scale_attn_by_inverse_layer_idx", false) ? layer + 1 : 1);
        }

        public Tensor Forward(Tensor x, CausalState state)
        {
            Tensor[] parts = _queryKeyValue.Forward(_before.Forward(x)).chunk(3, -1); // 3 × [B, T, D]
            Tensor attended = state.Attend(
                _layer,
                Attention.SplitHeads(parts[0], _heads),
                Attention.SplitHeads(parts[1], _heads),
                Attention.SplitHeads(parts[2], _heads),
                scale: _scale);
            Tensor h = x + _output.Forward(Attention.JoinHeads(attended));
            return h + _down.Forward(_activation(_up.Forward(_between.Forward(h))));
        }
    }
}
