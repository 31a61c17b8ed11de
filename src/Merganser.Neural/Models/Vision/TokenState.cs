using static TorchSharp.torch;

namespace Merganser.Neural.Models.Vision;

/// <summary>The tokens between two blocks, with what they stand for. Whoever merges tokens changes all of it together.</summary>
/// <param name="Tokens">The residual stream, [B, N, C].</param>
public sealed record TokenState(Tensor Tokens)
{
    /// <summary>How many of the first tokens each token stands for, float32 [B, N, 1]; left out: one each.</summary>
    public Tensor? Size { get; init; }

    /// <summary>Which of the first tokens each token stands for, [B, N, N₀]; left out: not followed.</summary>
    public Tensor? Source { get; init; }

    /// <summary>The number of tokens N.</summary>
    public long Count => Tokens.shape[1];

    /// <summary>What the sizes add to the scores of keys: ln(size) per key, or nothing.</summary>
    internal AttentionBias Bias(bool proportional) => proportional && Size is { } size ? new AttentionBias { KeyTerm = size.squeeze(-1).log() } : Plain;

    private static AttentionBias Plain { get; } = new();
}
