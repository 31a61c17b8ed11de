using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Embeddings;

/// <summary>
/// Vectors of pictures: ViT, DeiT, SigLIP, the image part of CLIP. Pooling, if none is asked for: what the architecture pools itself (CLIP: the
/// projection into the space shared with texts); else the class token; else the mean of the patches. A patch that stands for several counts as several.
/// </summary>
public sealed class ImageEmbedder : Embedder<Picture>
{
    private readonly PretrainedModel _model;
    private readonly VisionShape _shape;

    private ImageEmbedder(PretrainedModel model, VisionShape shape, ImageProcessor processor, Pooling pooling, EmbeddingOptions options)
        : base(model, options)
    {
        (_model, _shape, Processor, Normalizes, Poolings) = (model, shape, processor, options.Normalize ?? false, [pooling]);
    }

    /// <summary>What is done to a picture first.</summary>
    public ImageProcessor Processor { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Pooling> Poolings { get; }

    /// <inheritdoc/>
    public override bool Normalizes { get; }

    /// <summary>How the encoder is run; asked once for each batch.</summary>
    public Func<VisionInput>? Input { get; init; }

    /// <summary>Opens a folder, or a repository in the local cache.</summary>
    /// <exception cref="MerganserException">The model cannot be loaded, is none of pictures, or does not have the wanted pooling.</exception>
    public static ImageEmbedder Load(string folder, EmbeddingOptions? options = null, ModelOptions? model = null) => Load(PretrainedModel.Load(SentenceModules.Read(folder).Model, model), options);

    /// <summary>Takes a loaded model over, which is disposed if it does not do.</summary>
    internal static ImageEmbedder Load(PretrainedModel model, EmbeddingOptions? options, Func<VisionInput>? input = null)
    {
        options ??= new EmbeddingOptions();
        try
        {
            VisionShape shape = model switch
            {
                ClipModel clip => clip.Vision.Shape,
                VisionModel vision => vision.Encoder.Shape,
                _ => throw new MerganserException($"{model.Source}: {model.GetType().Name} makes no vectors of pictures; ViT, DeiT, SigLIP and CLIP do"),
            };
            Pooling pooling = options.Pooling ?? (HasPooler(model) ? Pooling.Pooler : shape.SpecialTokens > 0 ? Pooling.Cls : Pooling.Mean);
            if (pooling is not (Pooling.Pooler or Pooling.Cls or Pooling.Mean))
                throw new MerganserException($"{model.Source}: pictures are pooled by mean, cls or pooler");
            if (pooling == Pooling.Pooler && !HasPooler(model))
                throw new MerganserException($"{model.Source}: the model has no pooler; take mean{(shape.SpecialTokens > 0 ? " or cls" : "")}");
            if (pooling == Pooling.Cls && shape.SpecialTokens == 0)
                throw new MerganserException($"{model.Source}: the model has no class token; take mean or pooler");
            return options.Prompt is null && options.PromptName is null && options.MaxTokens is null
                ? new ImageEmbedder(model, shape, ImageProcessor.Load(model), pooling, options) { Input = input }
                : throw new MerganserException($"{model.Source}: prompts and a number of tokens are for texts, not for pictures");
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private protected override IEnumerable<(int[] Chosen, Func<Tensor> Vectors)> Batches(IReadOnlyList<Picture> items, int batch)
    {
        foreach (int[] chosen in Enumerable.Range(0, items.Count).Chunk(batch))
            yield return (chosen, () => Vectors(Processor.Process([.. chosen.Select(place => items[place])])));
    }

    private static bool HasPooler(PretrainedModel model) => model is ClipModel or ClipVisionModel
        || (model is VitModel && model.Parameters.Find("pooler.dense.weight") is { IsPresent: true })
        || (model is SiglipVisionModel { Labels.Count: 0 } && model.Parameters.All.Any(parameter => parameter.IsPresent && parameter.Name.Contains(".head.", StringComparison.Ordinal)));

    private Tensor Vectors(Tensor pixels)
    {
        VisionInput? input = Input?.Invoke();
        VisionOutput output = _model is ClipModel clip ? clip.EncodeImages(pixels, input) : ((VisionModel)_model).Forward(pixels, input);
        if (Poolings[0] == Pooling.Pooler)
            return output.Embedding ?? output.Pooled!;
        Tensor hidden = output.LastHidden ?? output.State.Tokens;
        if (Poolings[0] == Pooling.Cls)
            return hidden.select(1, 0);
        long first = _shape.SpecialTokens;
        Tensor patches = hidden.narrow(1, first, hidden.shape[1] - first).to(ScalarType.Float32);
        if (output.State.Size is not { } size)
            return patches.mean([1]);
        Tensor weight = size.narrow(1, first, size.shape[1] - first).to(ScalarType.Float32);
        return (patches * weight).sum(1) / weight.sum(1);
    }
}
