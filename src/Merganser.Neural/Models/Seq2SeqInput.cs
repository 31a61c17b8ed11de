using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What the decoder of an encoder-decoder model is given besides token ids.</summary>
public sealed record Seq2SeqInput
{
    /// <summary>The encoder's last hidden states [B, S, D]; may be left out once the cache has their keys.</summary>
    public Tensor? EncoderStates { get; init; }

    /// <summary>1 or true where a token of the encoder is real, [B, S]; all if left out.</summary>
    public Tensor? EncoderMask { get; init; }

    /// <summary>1 or true where a token of the decoder is real, [B, T]; all if left out.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>int64 [B, T]. Left out: the tokens follow those that the cache has seen.</summary>
    public Tensor? Positions { get; init; }

    /// <summary>Holds what was seen before and takes what is new.</summary>
    public Seq2SeqCache? Cache { get; init; }

    /// <summary>Every layer's hidden states are wanted.</summary>
    public bool HiddenStates { get; init; }

    /// <summary>What is wanted of every attention.</summary>
    public AttentionWish Attention { get; init; }

    /// <summary>Logits of the last token only.</summary>
    public bool LastLogitsOnly { get; init; }
}

/// <summary>The result of a pass of a decoder that looks at an encoder.</summary>
/// <param name="Logits">[B, T, V], or [B, 1, V] if only the last were wanted.</param>
public sealed record Seq2SeqOutput(Tensor Logits)
{
    /// <summary>Embeddings, then the output of each block, the last one after the final norm; [B, T, D] each.</summary>
    public IReadOnlyList<Tensor> HiddenStates { get; init; } = [];

    /// <summary>What was wanted of the self-attentions, per layer.</summary>
    public IReadOnlyList<AttentionOutput> Attentions { get; init; } = [];

    /// <summary>What was wanted of the attentions to the encoder, per layer.</summary>
    public IReadOnlyList<AttentionOutput> CrossAttentions { get; init; } = [];
}
