using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>Baseline: the least important tokens are dropped in every block, nothing merges. At least one patch stays.</summary>
public sealed class PruneTokens : TokenReducer
{
    /// <summary>Without proportional attention: every token stands for itself.</summary>
    public PruneTokens() => ProportionalAttention = false;

    /// <summary>What importance is.</summary>
    public TokenImportance Importance { get; init; } = TokenImportance.ClassAttention;

    /// <inheritdoc/>
    public override AttentionWish Wish => TokenImportances.Wish(Importance);

    /// <inheritdoc/>
    protected override long Removable(long count, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        if (Importance == TokenImportance.ClassAttention)
            TokenImportances.RequireClassToken(shape, "pruning by the attention of the class token");
        return Math.Max(0, count - shape.SpecialTokens - 1);
    }

    /// <inheritdoc/>
    protected override TokenMap? Plan(ReductionStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        using DisposeScope scope = NewDisposeScope();
        Tensor order = TokenImportances.Order(TokenImportances.Of(Importance, step, ProportionalAttention), step.Special);
        Tensor kept = order.narrow(1, 0, order.shape[1] - step.Remove).sort(1).Values;
        Tensor none = empty([kept.shape[0], 0], dtype: ScalarType.Int64, device: kept.device);
        return new TokenMap(scope.MoveToOuter(kept), scope.MoveToOuter(none), scope.MoveToOuter(none.clone()), step.State.Count);
    }

    /// <inheritdoc/>
    protected override TokenState Apply(TokenState state, TokenMap map) => state.Pruned(map);
}
