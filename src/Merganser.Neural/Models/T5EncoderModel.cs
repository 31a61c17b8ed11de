using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>The encoder of a <see cref="T5Model"/> by itself; a file of the whole model will do.</summary>
public sealed class T5EncoderModel : EncoderModel
{
    private readonly T5Stack _stack;

    internal T5EncoderModel(ModelConfig config, ModelOptions options)
        : base(config, options)
    {
        Shape = T5Shape.Read(config);
        var shared = new Embedding(Parameters, "shared", Shape.Vocabulary, Shape.Width);
        _stack = new T5Stack(Parameters, "encoder", Shape, shared.Weight, Shape.EncoderLayers, isDecoder: false);
    }

    /// <summary>The sizes.</summary>
    public T5Shape Shape { get; }

    /// <inheritdoc/>
    public override int Layers => _stack.Layers;

    /// <inheritdoc/>
    public override int Width => Shape.Width;

    /// <inheritdoc/>
    public override int VocabularySize => Shape.Vocabulary;

    /// <inheritdoc/>
    public override int? MaxTokens => null;

    /// <inheritdoc/>
    protected override WeightMap Names { get; } = new()
    {
        Rules =
        [
            WeightRule.IgnoreBeginning("decoder.", "part of the decoder"),
            WeightRule.IgnoreBeginning("lm_head.", "part of the decoder"),
        ],
    };

    /// <inheritdoc/>
    public override Tensor Embed(Tensor ids, EncoderInput input) => _stack.Embed(ids);

    /// <inheritdoc/>
    public override EncoderState Begin(Tensor ids, EncoderInput input) => _stack.Begin(ids, input, DType);

    /// <inheritdoc/>
    public override Tensor Finish(Tensor hidden) => _stack.Finish(hidden);

    /// <inheritdoc/>
    protected override Tensor RunLayer(int layer, Tensor hidden, EncoderState state) => _stack.Run(layer, hidden, state);
}
