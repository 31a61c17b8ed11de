using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Classification;

/// <summary>Classes of pictures: ViT, DeiT and SigLIP with a classifier.</summary>
public sealed class ImageClassifier : Classifier<Picture>
{
    private readonly VisionModel _model;

    /// <summary>Joins a model and its processor; the model is disposed with this.</summary>
    /// <exception cref="MerganserException">The model has no classifier.</exception>
    public ImageClassifier(VisionModel model, ImageProcessor processor)
        : base(model)
    {
        (_model, Processor) = (model, processor);
        if (model.Labels.Count == 0)
            throw new MerganserException($"{model.Source}: {model.Config.Texts("architectures").FirstOrDefault("the model")} has no classifier; take one that has, or CLIP with labels of your own");
    }

    /// <summary>What is done to a picture first.</summary>
    public ImageProcessor Processor { get; }

    /// <summary>How the encoder is run; asked once for each batch.</summary>
    public Func<VisionInput>? Input { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Labels => _model.Labels;

    /// <inheritdoc/>
    protected override Tensor Scores(IReadOnlyList<Picture> items, int[] chosen) =>
        _model.Forward(Processor.Process([.. chosen.Select(place => items[place])]), Input?.Invoke()).Logits!;
}
