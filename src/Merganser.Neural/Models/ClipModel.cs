using Merganser.Neural.Models.Layers;
using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What CLIP says of texts and images.</summary>
/// <param name="LogitsPerText">exp(scale)·texts·imagesᵀ, [texts, images]; its transpose is the scores per image.</param>
/// <param name="Text">The texts in the common space, of length 1, [texts, P].</param>
/// <param name="Image">The images in the common space, of length 1, [images, P].</param>
public sealed record ClipOutput(Tensor LogitsPerText, Tensor Text, Tensor Image)
{
    /// <summary>[images, texts].</summary>
    public Tensor LogitsPerImage => LogitsPerText.t();
}

/// <summary>
/// CLIP ("Learning Transferable Visual Models From Natural Language Supervision", arXiv 2103.00020): a text encoder and an image encoder,
/// both projected into one space. Parameters: <c>text_model.…</c>, <c>vision_model.…</c>, the two projections and <c>logit_scale</c>, which is
/// zero in a new model.
/// </summary>
public sealed class ClipModel : PretrainedModel
{
    private readonly Linear _textProjection, _imageProjection;
    private readonly ModelParameter _scale;

    internal ClipModel(ModelConfig config, ModelOptions options)
        : base(config, options)
    {
        Text = new ClipTextEncoder(config.Block("text_config"), Parameters);
        Vision = ClipVisionModel.MakeEncoder(config.Block("vision_config"), Parameters);
        int width = config.Size("projection_dim", 512);
        _textProjection = new Linear(Parameters, "text_projection", Text.Width, width, bias: false);
        _imageProjection = new Linear(Parameters, "visual_projection", Vision.Shape.Width, width, bias: false);
        _scale = Parameters.Add("logit_scale", [], Initialization.Zeros);
    }

    /// <summary>The text encoder.</summary>
    public ClipTextEncoder Text { get; }

    /// <summary>The image encoder.</summary>
    public VisionEncoder Vision { get; }

    /// <summary>exp(logit_scale): what multiplies cosines to make scores.</summary>
    internal float Scale => MathF.Exp(_scale.Value.to(ScalarType.Float32).item<float>());

    /// <inheritdoc/>
    protected override WeightMap Names { get; } = new() { Rules = [WeightRule.IgnoreEnding("position_ids", "numbers 0, 1, 2, …")] };

    /// <summary>Images [B, channels, H, W] → the encoder's outputs with the projected vector, not of length 1.</summary>
    public VisionOutput EncodeImages(Tensor pixels, VisionInput? input = null)
    {
        input ??= new VisionInput();
        using DisposeScope scope = NewDisposeScope();
        VisionOutput output = Vision.Run(pixels, input);
        if (input.Blocks is null)
        {
            output = ClipVisionModel.Pool(Vision, output);
            output = output with { Embedding = _imageProjection.Forward(output.Pooled!) };
        }

        return output.MovedOut(scope);
    }

    /// <summary>Token ids int64 [B, T] with a mask [B, T] → the projected texts [B, P], not of length 1.</summary>
    public Tensor EncodeTexts(Tensor ids, Tensor? mask = null)
    {
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(_textProjection.Forward(Text.Forward(ids, mask).Pooled));
    }

    /// <summary>Every text against every image.</summary>
    public ClipOutput Forward(Tensor ids, Tensor? mask, Tensor pixels, VisionInput? input = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor texts = Unit(EncodeTexts(ids, mask));
        Tensor images = Unit(EncodeImages(pixels, input).Embedding ?? throw new ArgumentException("all blocks must be run", nameof(input)));
        Tensor logits = matmul(texts, images.t()) * _scale.Value.exp();
        return new ClipOutput(scope.MoveToOuter(logits), scope.MoveToOuter(texts), scope.MoveToOuter(images));
    }

    private static Tensor Unit(Tensor x) => x / x.norm(1, keepdim: true);
}
