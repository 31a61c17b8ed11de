using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// T5 (arXiv 1910.10683) and ByT5 (2105.13626): RMS-normed blocks without biases, relative positions, scores that are not scaled, a plain or
/// a gated feed-forward net. Logits are lm_head(x·D^−½) when the output is scaled (T5 1.0, tied), lm_head(x) otherwise.
/// </summary>
public sealed class T5Model : Seq2SeqLm
{
    private readonly T5Stack _encoder, _decoder;
    private readonly ModelParameter _head;

    internal T5Model(ModelConfig config, ModelOptions options)
        : base(config, options)
    {
        Shape = T5Shape.Read(config);
        var shared = new Embedding(Parameters, "shared", Shape.Vocabulary, Shape.Width);
        _encoder = new T5Stack(Parameters, "encoder", Shape, shared.Weight, Shape.EncoderLayers, isDecoder: false);
        _decoder = new T5Stack(Parameters, "decoder", Shape, shared.Weight, Shape.DecoderLayers, isDecoder: true);
        _head = Parameters.Add("lm_head.weight", [Shape.Vocabulary, Shape.Width], tiedTo: shared.Weight, startsTied: config.Flag("tie_word_embeddings", true));
        PaddingToken = config.Int("pad_token_id", 0);
        StartToken = config.Int("decoder_start_token_id", PaddingToken);
        EndToken = config.Int("eos_token_id", 1);
    }

    /// <summary>The sizes.</summary>
    public T5Shape Shape { get; }

    /// <inheritdoc/>
    public override int EncoderLayers => _encoder.Layers;

    /// <inheritdoc/>
    public override int DecoderLayers => _decoder.Layers;

    /// <inheritdoc/>
    public override int VocabularySize => Shape.Vocabulary;

    /// <inheritdoc/>
    public override int? MaxTargetTokens => null;

    /// <inheritdoc/>
    public override int StartToken { get; }

    /// <inheritdoc/>
    public override int? EndToken { get; }

    /// <inheritdoc/>
    public override int PaddingToken { get; }

    /// <inheritdoc/>
    internal override RelativePositionBias? TargetPositions => _decoder.Relative;

    /// <inheritdoc/>
    protected override WeightMap Names { get; } = new()
    {
        Rules = [WeightRule.Ignore("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight", "attention to the encoder has no positions")],
    };

    /// <inheritdoc/>
    public override Tensor Head(Tensor hidden) =>
        nn.functional.linear(Shape.ScalesOutput ? hidden * Math.Pow(Shape.Width, -0.5) : hidden, _head.Value);

    /// <inheritdoc/>
    protected override (Tensor Hidden, EncoderState State) BeginEncoder(Tensor source, EncoderInput input)
    {
        TokenIds.Check(source, VocabularySize, null, "token ids");
        return (_encoder.Embed(source), _encoder.Begin(source, input, DType));
    }

    /// <inheritdoc/>
    protected override Tensor RunEncoderLayer(int layer, Tensor hidden, EncoderState state) => _encoder.Run(layer, hidden, state);

    /// <inheritdoc/>
    protected override Tensor FinishEncoder(Tensor hidden) => _encoder.Finish(hidden);

    /// <inheritdoc/>
    protected override Tensor EmbedTarget(Tensor ids, Tensor positions) => _decoder.Embed(ids);

    /// <inheritdoc/>
    protected override Tensor RunDecoderLayer(int layer, Tensor hidden, Seq2SeqState state) => _decoder.Run(layer, hidden, state);

    /// <inheritdoc/>
    protected override Tensor FinishDecoder(Tensor hidden) => _decoder.Finish(hidden);
}
