using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// GPT-NeoX and Pythia: rotary positions on the first part of each head (<c>rotary_pct</c>, default 0.25, base <c>rotary_emb_base</c>,
/// default 10 000, or both inside <c>rope_parameters</c>). Blocks are parallel by default, x + attn(LN₁(x)) + mlp(LN₂(x)), or else
/// h = x + attn(LN₁(x)), h + mlp(LN₂(h)). Parameters: <c>gpt_neox.layers.*.attention.query_key_value.weight</c> [3D, D], whose rows are
/// query, key and value of the first head, then of the second, and so on; the head is <c>embed_out.weight</c>.
/// </summary>
public sealed class GptNeoxModel : CausalLm
{
    private readonly Embedding _embedding;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly ModelParameter _head;

    internal GptNeoxModel(ModelConfig config, ModelOptions options)
        : base(config, options)
    {
        int layers = config.Size("num_hidden_layers");
        Width = config.Size("hidden_size");
        Heads = config.Size("num_attention_heads");
        if (Width % Heads != 0)
            throw config.Wrong("hidden_size", $"a multiple of num_attention_heads, {Heads}");
        VocabularySize = config.Size("vocab_size");
        MaxPositions = config.Size("max_position_embeddings", 2048);
        Rotary = new RotaryTable(RotaryScaling.Read(config, Width / Heads, config.Number("rotary_emb_base", 10_000), config.Number("rotary_pct", 0.25)));
        _embedding = new Embedding(Parameters, "gpt_neox.embed_in", VocabularySize, Width);
        double epsilon = config.Number("layer_norm_eps", 1e-5);
        _blocks = [.. Enumerable.Range(0, layers).Select(layer => new Block(this, layer, epsilon))];
        _norm = new LayerNorm(Parameters, "gpt_neox.final_layer_norm", Width, epsilon);
        _head = Parameters.Add("embed_out.weight", [VocabularySize, Width], tiedTo: _embedding.Weight, startsTied: config.Flag("tie_word_embeddings", false));
    }

    /// <summary>The width of the hidden states.</summary>
    public int Width { get; }

    /// <summary>The number of heads.</summary>
    public int Heads { get; }

    /// <summary>Rotary positions.</summary>
    public RotaryTable Rotary { get; }

    /// <inheritdoc/>
    public override int Layers => _blocks.Length;

    /// <inheritdoc/>
    public override int VocabularySize { get; }

    /// <inheritdoc/>
    public override int MaxPositions { get; }

    /// <inheritdoc/>
    protected override WeightMap Names { get; } = new()
    {
        Prefix = "gpt_neox.",
        Rules =
        [
            WeightRule.IgnoreEnding("rotary_emb.inv_freq", "a table that is computed"),
            WeightRule.IgnoreEnding("attention.bias", "the causal mask, which is computed"),
            WeightRule.IgnoreEnding("attention.masked_bias", "a constant of the mask"),
            WeightRule.Ignore("classifier.weight", "another head"),
            WeightRule.Ignore("classifier.bias", "another head"),
        ],
    };

    /// <inheritdoc/>
    public override Tensor Embed(Tensor ids, Tensor positions) => _embedding.Forward(ids);

    /// <inheritdoc/>
    public override Tensor Finish(Tensor hidden) => _norm.Forward(hidden);

    /// <inheritdoc/>
    public override Tensor Head(Tensor hidden) => nn.functional.linear(hidden, _head.Value);

    /// <inheritdoc/>
    protected override Tensor RunLayer(int layer, Tensor hidden, CausalState state) => _blocks[layer].Forward(hidden, state);

    private sealed class Block
    {
        private readonly GptNeoxModel _model;
        private readonly int _layer;
        private readonly bool _parallel;
        private readonly LayerNorm _before, _between;
        private readonly Linear _queryKeyValue, _output, _up, _down;
        private readonly Func<Tensor, Tensor> _activation;

        public Block(GptNeoxModel model, int layer, double epsilon)
        {
            ModelParameters parameters = model.Parameters;
            ModelConfig config = model.Config;
            string name = $"gpt_neox.layers.{layer}";
            int width = model.Width, inner = config.Size("intermediate_size", 4 * width);
            bool bias = config.Flag("attention_bias", true);
            (_model, _layer, _parallel) = (model, layer, config.Flag("use_parallel_residual", true));
            _before = new LayerNorm(parameters, $"{name}.input_layernorm", width, epsilon);
            _between = new LayerNorm(parameters, $"{name}.post_attention_layernorm", width, epsilon);
            _queryKeyValue = new Linear(parameters, $"{name}.attention.query_key_value", width, 3L * width, bias);
            _output = new Linear(parameters, $"{name}.attention.dense", width, width, bias);
            _up = new Linear(parameters, $"{name}.mlp.dense_h_to_4h", width, inner, bias: true);
            _down = new Linear(parameters, $"{name}.mlp.dense_4h_to_h", inner, width, bias: true);
            _activation = Activation.Of(config, "hidden_act", "gelu");
        }

        public Tensor Forward(Tensor x, CausalState state)
        {
            Tensor attended = Attend(_before.Forward(x), state);
            if (_parallel)
                return x + attended + Expand(_between.Forward(x));
            Tensor h = x + attended;
            return h + Expand(_between.Forward(h));
        }

        private Tensor Attend(Tensor x, CausalState state)
        {
            Tensor perHead = Attention.SplitHeads(_queryKeyValue.Forward(x), _model.Heads); // [B, H, T, 3·hd]
            Tensor[] parts = perHead.chunk(3, -1);
            (Tensor Cos, Tensor Sin) table = state.Rotary(_model.Rotary);
            Tensor attended = state.Attend(_layer, _model.Rotary.Rotate(parts[0], table), _model.Rotary.Rotate(parts[1], table), parts[2]);
            return _output.Forward(Attention.JoinHeads(attended));
        }

        private Tensor Expand(Tensor x) => _down.Forward(_activation(_up.Forward(x)));
    }
}
