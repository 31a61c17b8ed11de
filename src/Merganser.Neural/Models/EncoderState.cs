using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What travels through the layers of one pass of an encoder: what is added to the scores, and what callers wish to see.</summary>
public sealed class EncoderState
{
    private readonly List<AttentionOutput> _attentions = [];
    private readonly AttentionWish _wish;

    /// <summary>A state whose attentions all have this bias.</summary>
    public EncoderState(AttentionBias bias, AttentionWish wish = AttentionWish.None) => (Bias, _wish) = (bias, wish);

    /// <summary>Added to the scores of every attention.</summary>
    public AttentionBias Bias { get; }

    /// <summary>Attentions that were asked for, so far.</summary>
    internal IReadOnlyList<AttentionOutput> Attentions => _attentions;

    /// <summary>Tensors made inside a layer are handed out.</summary>
    internal bool KeepsTensors => _wish != AttentionWish.None;

    /// <summary>softmax(q·kᵀ·scale + bias)·v of heads [B, H, T, D].</summary>
    /// <param name="query">[B, H, T, D].</param>
    /// <param name="keys">[B, H, T, D].</param>
    /// <param name="values">[B, H, T, D].</param>
    /// <param name="scale">Multiplies scores; D^−½ if left out.</param>
    public Tensor Attend(Tensor query, Tensor keys, Tensor values, double? scale = null)
    {
        AttentionOutput output = Attention.Compute(query, keys, values, Bias, scale, _wish);
        if (KeepsTensors)
            _attentions.Add(output);
        return output.Output;
    }

    /// <summary>The state for an input: its bias, or the mask as a bias.</summary>
    internal static EncoderState Of(EncoderInput input) =>
        new(input.Bias ?? new AttentionBias { KeyMask = input.Mask?.to(ScalarType.Bool) }, input.Attention);
}
