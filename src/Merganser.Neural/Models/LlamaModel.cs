using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// Llama, Mistral, Qwen2 and Qwen3: pre-norm blocks of grouped-query attention with rotary positions and a gated feed-forward net,
/// h = x + o(attn(RMS(x))), x = h + down(act(gate(RMS(h)))·up(RMS(h))). Parameters: <c>model.layers.*.self_attn.q_proj.weight</c> and so on.
/// </summary>
public sealed class LlamaModel : CausalLm
{
    private readonly Embedding _embedding;
    private readonly Block[] _blocks;
    private readonly RmsNorm _norm;
    private readonly ModelParameter _head;

    internal LlamaModel(ModelConfig config, ModelOptions options)
        : base(config, options)
    {
        var shape = LlamaShape.Read(config);
        Shape = shape;
        VocabularySize = config.Size("vocab_size");
        MaxPositions = config.Size("max_position_embeddings", 2048);
        Rotary = new RotaryTable(RotaryScaling.Read(config, shape.HeadDim));
        _embedding = new Embedding(Parameters, "model.embed_tokens", VocabularySize, shape.Width);
        _blocks = [.. Enumerable.Range(0, shape.Layers).Select(layer => new Block(this, layer))];
        _norm = new RmsNorm(Parameters, "model.norm", shape.Width, shape.Epsilon);
        _head = Parameters.Add("lm_head.weight", [VocabularySize, shape.Width], tiedTo: _embedding.Weight, startsTied: config.Flag("tie_word_embeddings", false));
    }

    /// <summary>The sizes.</summary>
    public LlamaShape Shape { get; }

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
        Prefix = "model.",
        Rules = [WeightRule.IgnoreEnding("rotary_emb.inv_freq", "a table that is computed")],
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
        private readonly LlamaModel _model;
        private readonly int _layer;
        private readonly int? _window;
        private readonly RmsNorm _before, _between;
        private readonly Linear _query, _key, _value, _output, _gate, _up, _down;
        private readonly RmsNorm? _queryNorm, _keyNorm;
        private readonly Func<Tensor, Tensor> _activation;

        public Block(LlamaModel model, int layer)
        {
            LlamaShape shape = model.Shape;
            ModelParameters parameters = model.Parameters;
            string name = $"model.layers.{layer}", attention = $"{name}.self_attn", mlp = $"{name}.mlp";
            (_model, _layer, _window) = (model, layer, shape.Window(layer));
            long queries = (long)shape.Heads * shape.HeadDim, keys = (long)shape.KeyHeads * shape.HeadDim;
            _before = new RmsNorm(parameters, $"{name}.input_layernorm", shape.Width, shape.Epsilon);
            _query = new Linear(parameters, $"{attention}.q_proj", shape.Width, queries, shape.QkvBias);
            _key = new Linear(parameters, $"{attention}.k_proj", shape.Width, keys, shape.QkvBias);
            _value = new Linear(parameters, $"{attention}.v_proj", shape.Width, keys, shape.QkvBias);
            _output = new Linear(parameters, $"{attention}.o_proj", queries, shape.Width, shape.OutputBias);
            if (shape.HeadNorm)
            {
                _queryNorm = new RmsNorm(parameters, $"{attention}.q_norm", shape.HeadDim, shape.Epsilon);
                _keyNorm = new RmsNorm(parameters, $"{attention}.k_norm", shape.HeadDim, shape.Epsilon);
            }

            _between = new RmsNorm(parameters, $"{name}.post_attention_layernorm", shape.Width, shape.Epsilon);
            _gate = new Linear(parameters, $"{mlp}.gate_proj", shape.Width, shape.Intermediate, shape.MlpBias);
            _up = new Linear(parameters, $"{mlp}.up_proj", shape.Width, shape.Intermediate, shape.MlpBias);
            _down = new Linear(parameters, $"{mlp}.down_proj", shape.Intermediate, shape.Width, shape.MlpBias);
            _activation = Activation.Of(model.Config, "hidden_act", "silu");
        }

        public Tensor Forward(Tensor x, CausalState state)
        {
            Tensor h = x + Attend(_before.Forward(x), state);
            Tensor inner = _between.Forward(h);
            return h + _down.Forward(_activation(_gate.Forward(inner)) * _up.Forward(inner));
        }

        private Tensor Attend(Tensor x, CausalState state)
        {
            LlamaShape shape = _model.Shape;
            Tensor query = Attention.SplitHeads(_query.Forward(x), shape.Heads);
            Tensor key = Attention.SplitHeads(_key.Forward(x), shape.KeyHeads);
            Tensor value = Attention.SplitHeads(_value.Forward(x), shape.KeyHeads);
            if (_queryNorm is not null)
                (query, key) = (_queryNorm.Forward(query), _keyNorm!.Forward(key));
            (Tensor Cos, Tensor Sin) table = state.Rotary(_model.Rotary);
            Tensor attended = state.Attend(_layer, _model.Rotary.Rotate(query, table), _model.Rotary.Rotate(key, table), value, _window);
            return _output.Forward(Attention.JoinHeads(attended));
        }
    }
}
