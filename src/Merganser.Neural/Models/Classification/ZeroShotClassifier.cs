using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using Merganser.Tokenizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Classification;

/// <summary>Classes of pictures by their names alone (CLIP, arXiv 2103.00020): each name in a sentence, softmax over exp(scale)·cosine.</summary>
public sealed class ZeroShotClassifier : Classifier<Picture>
{
    private readonly ClipModel _model;
    private readonly Tensor _texts;

    /// <summary>Encodes the names; the model is disposed with this.</summary>
    /// <param name="model">The model.</param>
    /// <param name="processor">What is done to a picture first.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="labels">The names of the classes.</param>
    /// <param name="template">A sentence with <c>{}</c> where the name goes.</param>
    /// <exception cref="MerganserException">There are no names, or the template has no place for one.</exception>
    public ZeroShotClassifier(ClipModel model, ImageProcessor processor, Tokenizer tokenizer, IReadOnlyList<string> labels, string template = "This is a photo of {}.")
        : base(model)
    {
        if (labels.Count == 0)
            throw new MerganserException("there are no labels to choose from");
        if (!template.Contains("{}", StringComparison.Ordinal))
            throw new MerganserException($"the template '{template}' has no {{}} for the label");
        (_model, Processor, Labels) = (model, processor, labels);
        int[][] rows = new TokenRows(tokenizer, model.Text.MaxPositions).Encode([.. labels.Select(label => template.Replace("{}", label, StringComparison.Ordinal))]);
        using DisposeScope scope = NewDisposeScope();
        (Tensor ids, Tensor mask) = TokenRows.Pad(rows, 0, model.Device);
        Tensor texts = model.EncodeTexts(ids, mask);
        _texts = scope.Detach(texts / texts.norm(1, keepdim: true) * model.Scale);
    }

    /// <summary>What is done to a picture first.</summary>
    public ImageProcessor Processor { get; }

    /// <summary>How the encoder is run; asked once for each batch.</summary>
    public Func<VisionInput>? Input { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Labels { get; }

    /// <inheritdoc/>
    protected override Tensor Scores(IReadOnlyList<Picture> items, int[] chosen) => Score(Processor.Process([.. chosen.Select(place => items[place])]));

    /// <summary>The scores [B, classes] of prepared images.</summary>
    internal Tensor Score(Tensor pixels)
    {
        Tensor images = _model.EncodeImages(pixels, Input?.Invoke()).Embedding!;
        return matmul(images / images.norm(1, keepdim: true), _texts.t());
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _texts.Dispose();
        base.Dispose(disposing);
    }
}
