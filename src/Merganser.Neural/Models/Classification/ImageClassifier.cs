using System.Globalization;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Classification;

/// <summary>Classes of pictures: ViT, DeiT and SigLIP with a classifier.</summary>
public sealed class ImageClassifier : Classifier<Picture>
{
    private readonly VisionModel _model;
    private readonly SeparateHead? _head;

    /// <summary>Joins a model and its processor; the model is disposed with this.</summary>
    /// <param name="model">The model.</param>
    /// <param name="processor">What is done to a picture first.</param>
    /// <param name="head">A classifier in place of the model's own; it is disposed with this.</param>
    /// <param name="labels">Names of the classes in place of those of config.json, or of the head's numbers.</param>
    /// <exception cref="MerganserException">The model has no classifier or, for a head, no class token; or there are not as many names as classes.</exception>
    public ImageClassifier(VisionModel model, ImageProcessor processor, SeparateHead? head = null, IReadOnlyList<string>? labels = null)
        : base(model)
    {
        ArgumentNullException.ThrowIfNull(model);
        (_model, _head, Processor) = (model, head, processor);
        if (head is null && model.Labels.Count == 0)
            throw new MerganserException($"{model.Source}: {model.Config.Texts("architectures").FirstOrDefault("the model")} has no classifier; take one that has, give --head FILE, or use CLIP with labels of your own");
        if (head is not null && model.Encoder.Shape.SpecialTokens == 0)
            throw new MerganserException($"{model.Source}: has no class token for the head '{head.Name}' to stand on");
        Labels = labels ?? (head is null ? model.Labels : [.. Enumerable.Range(0, head.Classes).Select(number => number.ToString(CultureInfo.InvariantCulture))]);
        int classes = head?.Classes ?? model.Labels.Count;
        if (Labels.Count != classes)
            throw new MerganserException($"there are {Labels.Count} labels for the {classes} classes of {(head is null ? model.Source : $"the head '{head.Name}'")}");
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
        VisionOutput output = _model.Forward(pixels, Input?.Invoke());
        return _head is null ? output.Logits! : _head.Scores(output.LastHidden!.select(1, 0));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _head?.Dispose();
        base.Dispose(disposing);
    }
}
