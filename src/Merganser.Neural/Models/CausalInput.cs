using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What a forward pass of a decoder is given besides token ids.</summary>
public sealed record CausalInput
{
    /// <summary>1 or true where a token is real, [B, T]; all if left out.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>int64 [B, T]. Left out: the tokens follow those that the cache has seen. Rows padded on the left need their own (cumsum(mask) − 1).</summary>
    public Tensor? Positions { get; init; }

    /// <summary>Holds what was seen before and takes what is new.</summary>
    public KvCache? Cache { get; init; }

    /// <summary>Every layer's hidden states are wanted.</summary>
    public bool HiddenStates { get; init; }

    /// <summary>What is wanted of every attention.</summary>
    public AttentionWish Attention { get; init; }

    /// <summary>Logits of the last token only.</summary>
    public bool LastLogitsOnly { get; init; }

    /// <summary>In place of causality: added to the scores, broadcast to [B, H, T, S], e.g. the mask of a tree of drafts.</summary>
    public Tensor? Visibility { get; init; }
}

/// <summary>The result of a forward pass of a decoder.</summary>
/// <param name="Logits">[B, T, V], or [B, 1, V] if only the last were wanted.</param>
public sealed record CausalOutput(Tensor Logits)
{
    /// <summary>Embeddings, then the output of each block, the last one after the final norm; [B, T, D] each.</summary>
    public IReadOnlyList<Tensor> HiddenStates { get; init; } = [];

    /// <summary>What was wanted of the attentions, per layer.</summary>
    public IReadOnlyList<AttentionOutput> Attentions { get; init; } = [];
}
