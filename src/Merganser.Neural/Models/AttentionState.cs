using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// A finished piece of an attention: its output [B, H, T, D] and the logarithm of the sum of exponentials [B, H, T]. Two pieces over
/// different keys merge into the attention over all of them; a piece with −∞ is neutral. Always float32.
/// </summary>
/// <param name="Output">[B, H, T, D].</param>
/// <param name="LogSumExp">[B, H, T].</param>
public readonly record struct AttentionState(Tensor Output, Tensor LogSumExp)
{
    /// <summary>l = ln(e^l₁ + e^l₂), o = o₁ − σ(l₂ − l₁)·(o₁ − o₂).</summary>
    public AttentionState Merge(AttentionState other)
    {
        Tensor first = LogSumExp.to(ScalarType.Float32), second = other.LogSumExp.to(ScalarType.Float32);
        // Two empty pieces: −∞ − −∞ is NaN; the weight does not matter there.
        Tensor weight = (second - first).sigmoid().nan_to_num(0).unsqueeze(-1);
        Tensor left = Output.to(ScalarType.Float32), right = other.Output.to(ScalarType.Float32);
        return new AttentionState(left - (weight * (left - right)), logaddexp(first, second));
    }
}
