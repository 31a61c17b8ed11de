using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// Whisper (arXiv 2212.04356): log-mel frames [B, mel, 2S] → gelu(conv1) → gelu(conv2, stride 2) → + stored positions → pre-norm blocks → LN;
/// a decoder with learned positions and a head tied to its embeddings. Exactly 2S frames are taken: pad or cut the audio to that length.
/// </summary>
public sealed class WhisperModel : Seq2SeqLm
{
    private readonly Convolution _first, _second;
    private readonly ModelParameter _sourcePositions, _head;
    private readonly Embedding _tokens, _targetPositions;
    private readonly WhisperBlock[] _encoder, _decoder;
    private readonly LayerNorm _encoderNorm, _decoderNorm;

    internal WhisperModel(ModelConfig config, ModelOptions options)
        : base(config, options)
    {
        const string Encoder = "model.encoder", Decoder = "model.decoder";
        const double Epsilon = 1e-5;
        WhisperShape shape = WhisperShape.Read(config);
        Shape = shape;
        Func<Tensor, Tensor> activation = Activation.Of(config, "activation_function", "gelu");
        _first = new Convolution(Parameters, $"{Encoder}.conv1", shape.MelBins, shape.Width, stride: 1);
        _second = new Convolution(Parameters, $"{Encoder}.conv2", shape.Width, shape.Width, stride: 2);
        _sourcePositions = Parameters.Add($"{Encoder}.embed_positions.weight", [shape.SourcePositions, shape.Width]);
        _encoder = [.. Enumerable.Range(0, shape.EncoderLayers).Select(layer => new WhisperBlock(Parameters, $"{Encoder}.layers.{layer}", shape.Width, shape.EncoderHeads, shape.EncoderIntermediate, activation, isDecoder: false))];
        _encoderNorm = new LayerNorm(Parameters, $"{Encoder}.layer_norm", shape.Width, Epsilon);
        _tokens = new Embedding(Parameters, $"{Decoder}.embed_tokens", shape.Vocabulary, shape.Width);
        _targetPositions = new Embedding(Parameters, $"{Decoder}.embed_positions", shape.TargetPositions, shape.Width);
        _decoder = [.. Enumerable.Range(0, shape.DecoderLayers).Select(layer => new WhisperBlock(Parameters, $"{Decoder}.layers.{layer}", shape.Width, shape.DecoderHeads, shape.DecoderIntermediate, activation, isDecoder: true))];
        _decoderNorm = new LayerNorm(Parameters, $"{Decoder}.layer_norm", shape.Width, Epsilon);
        _head = Parameters.Add("proj_out.weight", [shape.Vocabulary, shape.Width], tiedTo: _tokens.Weight, startsTied: config.Flag("tie_word_embeddings", true));
        StartToken = config.Int("decoder_start_token_id", 50257);
        EndToken = config.Int("eos_token_id", 50256);
        PaddingToken = config.Int("pad_token_id", 50256);
    }

    /// <summary>The sizes.</summary>
    public WhisperShape Shape { get; }

    /// <inheritdoc/>
    public override int EncoderLayers => _encoder.Length;

    /// <inheritdoc/>
    public override int DecoderLayers => _decoder.Length;

    /// <inheritdoc/>
    public override int VocabularySize => Shape.Vocabulary;

    /// <inheritdoc/>
    public override int? MaxTargetTokens => Shape.TargetPositions;

    /// <inheritdoc/>
    public override int StartToken { get; }

    /// <inheritdoc/>
    public override int? EndToken { get; }

    /// <inheritdoc/>
    public override int PaddingToken { get; }

    /// <inheritdoc/>
    protected override WeightMap Names { get; } = new() { Prefix = "model." };

    /// <inheritdoc/>
    public override Tensor Head(Tensor hidden) => nn.functional.linear(hidden, _head.Value);

    /// <inheritdoc/>
    protected override (Tensor Hidden, EncoderState State) BeginEncoder(Tensor source, EncoderInput input)
    {
        long frames = 2L * Shape.SourcePositions;
        if (source.dim() != 3)
            throw new ArgumentException($"mel features are [batch, bands, frames], not [{string.Join(", ", source.shape)}]", nameof(source));
        if (source.shape[1] != Shape.MelBins)
            throw new MerganserException($"the mel features have {source.shape[1]} bands; this model takes {Shape.MelBins} (num_mel_bins): compute them with as many mel filters");
        if (source.shape[2] != frames)
            throw new MerganserException($"the mel features have {source.shape[2]} frames; this model takes exactly {frames} (2 × max_source_positions): pad or cut the audio");
        if (input.Mask is not null)
            throw new ArgumentException("Whisper looks at all frames: it has no mask", nameof(input));
        Tensor x = nn.functional.gelu(_first.Forward(source.to(DType)));
        x = nn.functional.gelu(_second.Forward(x)).transpose(1, 2);
        return (x + _sourcePositions.Value, EncoderState.Of(input));
    }

    /// <inheritdoc/>
    protected override Tensor RunEncoderLayer(int layer, Tensor hidden, EncoderState state) => _encoder[layer].Forward(hidden, state);

    /// <inheritdoc/>
    protected override Tensor FinishEncoder(Tensor hidden) => _encoderNorm.Forward(hidden);

    /// <inheritdoc/>
    protected override Tensor EmbedTarget(Tensor ids, Tensor positions) => _tokens.Forward(ids) + _targetPositions.Forward(positions);

    /// <inheritdoc/>
    protected override Tensor RunDecoderLayer(int layer, Tensor hidden, Seq2SeqState state) => _decoder[layer].Forward(hidden, state, layer);

    /// <inheritdoc/>
    protected override Tensor FinishDecoder(Tensor hidden) => _decoderNorm.Forward(hidden);

    /// <summary>Three frames wide, one frame of zeros on either side.</summary>
    private sealed class Convolution(ModelParameters parameters, string name, long inputs, long outputs, long stride)
    {
        private readonly ModelParameter _weight = parameters.Add($"{name}.weight", [outputs, inputs, 3]);
        private readonly ModelParameter _bias = parameters.Add($"{name}.bias", [outputs], Initialization.Zeros);

        public Tensor Forward(Tensor x) => nn.functional.conv1d(x, _weight.Value, _bias.Value, stride: stride, padding: 1);
    }
}
