using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// A text encoder as steps that a caller may take one by one: <see cref="Embed"/>, <see cref="RunLayers"/> over any range of layers,
/// <see cref="Finish"/>, <see cref="Apply"/> of pooler and head. An architecture says what one layer does.
/// </summary>
public abstract class EncoderModel(ModelConfig config, ModelOptions options) : PretrainedModel(config, options)
{
    /// <summary>The number of layers.</summary>
    public abstract int Layers { get; }

    /// <summary>The width of the hidden states.</summary>
    public abstract int Width { get; }

    /// <summary>The number of token ids.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>The most tokens of a row; none where positions are relative.</summary>
    public abstract int? MaxTokens { get; }

    /// <summary>Token ids int64 [B, T] → [B, T, D].</summary>
    public abstract Tensor Embed(Tensor ids, EncoderInput input);

    /// <summary>What follows the last layer; nothing by default.</summary>
    public virtual Tensor Finish(Tensor hidden) => hidden;

    /// <summary>What all layers share: the bias of the attentions.</summary>
    public virtual EncoderState Begin(Tensor ids, EncoderInput input) => EncoderState.Of(input);

    /// <summary>Runs the layers from <paramref name="first"/> to before <paramref name="after"/>.</summary>
    public Tensor RunLayers(int first, int after, Tensor hidden, EncoderState state)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(after, Layers);
        return LayerLoop.Run(first, after, hidden, Parameters.Options.Trainable || state.KeepsTensors, (layer, x) => RunLayer(layer, x, state));
    }

    /// <summary>The whole model.</summary>
    /// <param name="ids">int64 [B, T].</param>
    /// <param name="input">Mask, segments, wishes.</param>
    /// <exception cref="MerganserException">Too many tokens, or ids outside the vocabulary.</exception>
    public EncoderOutput Forward(Tensor ids, EncoderInput? input = null)
    {
        input ??= new EncoderInput();
        using DisposeScope scope = NewDisposeScope();
        TokenIds.Check(ids, VocabularySize, MaxTokens, "token ids");
        EncoderState state = Begin(ids, input);
        List<Tensor>? states = input.HiddenStates ? [] : null;
        Tensor hidden = LayerLoop.Run(0, Layers, Embed(ids, input), Parameters.Options.Trainable || state.KeepsTensors, (layer, x) => RunLayer(layer, x, state), states);
        hidden = Finish(hidden);
        states?.Add(hidden);
        (Tensor? pooled, Tensor? logits) = input.TrunkOnly ? (null, null) : Apply(hidden);
        LayerLoop.Keep(scope, [.. states ?? [hidden], .. Present(pooled), .. Present(logits)], state.Attentions);
        return new EncoderOutput(hidden) { HiddenStates = states ?? [], Pooled = pooled, Logits = logits, Attentions = state.Attentions };
    }

    /// <summary>Pooler and head over the last hidden states; nothing by default.</summary>
    public virtual (Tensor? Pooled, Tensor? Logits) Apply(Tensor last) => (null, null);

    /// <summary>What one layer does: [B, T, D] → [B, T, D].</summary>
    protected abstract Tensor RunLayer(int layer, Tensor hidden, EncoderState state);

    private static Tensor[] Present(Tensor? tensor) => tensor is null ? [] : [tensor];
}
