using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What a forward pass of an encoder is given besides token ids or features.</summary>
public sealed record EncoderInput
{
    /// <summary>1 or true where a token is real, [B, T]; all if left out.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>The segment of each token, int64 [B, T]; 0 if left out.</summary>
    public Tensor? TypeIds { get; init; }

    /// <summary>int64 [B, T] or [1, T]; left out: the positions that the architecture counts.</summary>
    public Tensor? Positions { get; init; }

    /// <summary>In place of the mask: what is added to the scores of every attention.</summary>
    public AttentionBias? Bias { get; init; }

    /// <summary>Every layer's hidden states are wanted.</summary>
    public bool HiddenStates { get; init; }

    /// <summary>What is wanted of every attention.</summary>
    public AttentionWish Attention { get; init; }

    /// <summary>The last hidden states only: pooling and head are not computed.</summary>
    public bool TrunkOnly { get; init; }
}

/// <summary>The result of a forward pass of an encoder.</summary>
/// <param name="LastHiddenState">[B, T, D].</param>
public sealed record EncoderOutput(Tensor LastHiddenState)
{
    /// <summary>Embeddings, then the output of each block; where there is a final norm the last one is after it. [B, T, D] each.</summary>
    public IReadOnlyList<Tensor> HiddenStates { get; init; } = [];

    /// <summary>One vector per row, [B, D], where the architecture and the file have a pooler.</summary>
    public Tensor? Pooled { get; init; }

    /// <summary>[B, T, V] of a language-model head, [B, labels] of a classifier, if there is a head.</summary>
    public Tensor? Logits { get; init; }

    /// <summary>What was wanted of the attentions, per layer.</summary>
    public IReadOnlyList<AttentionOutput> Attentions { get; init; } = [];
}
