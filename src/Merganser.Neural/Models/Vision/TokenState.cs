using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Vision;

/// <summary>The tokens between two blocks, with what they stand for. Whoever merges tokens changes all of it together.</summary>
/// <param name="Tokens">The residual stream, [B, N, C].</param>
public sealed record TokenState(Tensor Tokens)
{
    /// <summary>How many of the first tokens each token stands for, float32 [B, N, 1]; left out: one each.</summary>
    public Tensor? Size { get; init; }

    /// <summary>The token that each of the first N₀ tokens is in by now, int64 [B, N₀], −1 where it was dropped; left out: not followed.</summary>
    public Tensor? Groups { get; init; }

    /// <summary>The number of tokens N.</summary>
    public long Count => Tokens.shape[1];

    /// <summary>The same as a matrix of zeros and ones, float32 [B, N, N₀]: which of the first tokens each token stands for.</summary>
    public Tensor? SourceMatrix()
    {
        if (Groups is not { } groups)
            return null;
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(arange(Count, dtype: ScalarType.Int64, device: groups.device).view(1, Count, 1).eq(groups.unsqueeze(1)).to(ScalarType.Float32));
    }

    /// <summary>What the sizes add to the scores of keys: ln(size) per key, or nothing.</summary>
    internal AttentionBias Bias(bool proportional) => proportional && Size is { } size ? new AttentionBias { KeyTerm = size.squeeze(-1).log() } : Plain;

    private static AttentionBias Plain { get; } = new();
}
