using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>What makes a token worth keeping.</summary>
public enum TokenImportance
{
    /// <summary>How much the class token attends to it, mean over heads. Models without a class token have none.</summary>
    ClassAttention,

    /// <summary>How much all tokens attend to it, mean over heads and tokens. Costs the fused attention.</summary>
    ReceivedAttention,
}

/// <summary>How an importance is had.</summary>
internal static class TokenImportances
{
    public static AttentionWish Wish(TokenImportance importance) =>
        importance == TokenImportance.ClassAttention ? AttentionWish.Queries | AttentionWish.Keys : AttentionWish.Probabilities;

    /// <summary>float32 [B, N], without gradient.</summary>
    /// <param name="importance">Which.</param>
    /// <param name="step">The block; its queries and keys give the class token's row alone, so the fused kernel serves the rest.</param>
    /// <param name="proportional">ln(size) was in the scores.</param>
    public static Tensor Of(TokenImportance importance, ReductionStep step, bool proportional)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        if (importance == TokenImportance.ReceivedAttention)
            return scope.MoveToOuter((step.Attention.Probabilities ?? throw new InvalidOperationException("the probabilities were not asked for")).detach().mean([1, 2]));
        RequireClassToken(step.Shape, "importance by the attention of the class token");
        Tensor query = step.Attention.Queries!.detach().narrow(2, 0, 1).to(ScalarType.Float32), keys = step.Attention.Keys!.detach().to(ScalarType.Float32);
        Tensor scores = matmul(query, keys.transpose(2, 3)).squeeze(2) * Math.Pow(query.shape[3], -0.5); // [B, H, N]
        if (proportional && step.State.Size is { } size)
            scores += size.detach().squeeze(-1).log().unsqueeze(1);
        return scope.MoveToOuter(scores.softmax(-1).mean([1]));
    }

    public static void RequireClassToken(VisionShape shape, string what)
    {
        if (shape.SpecialTokens == 0)
            throw new MerganserException($"{what} needs a class token, and this model has none (SigLIP); choose tome, pitome, random or grid, which do without");
    }

    /// <summary>Tokens in the order of importance, int64 [B, N]: the special ones in front as they are, then the most important first.</summary>
    public static Tensor Order(Tensor importance, int special)
    {
        using DisposeScope scope = NewDisposeScope();
        long count = importance.shape[1];
        (_, Tensor order) = importance.narrow(1, special, count - special).sort(-1, descending: true, stable: true);
        return scope.MoveToOuter(cat([arange(special, dtype: ScalarType.Int64, device: importance.device).expand(importance.shape[0], special), order + special], 1));
    }
}
