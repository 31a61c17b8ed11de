using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Matching;

/// <summary>DiffRate's step: the least important tokens are dropped, the next least merge into the most similar of those that stay.</summary>
internal static class ImportanceMatcher
{
    /// <summary>A map, and the cosine of every source with its destination, float32 [B, R], at least 0.</summary>
    /// <param name="features">Float [B, N, C]: what tokens are compared by.</param>
    /// <param name="order">int64 [B, N]: the most important first, special tokens in front.</param>
    /// <param name="special">Tokens that receive nothing.</param>
    /// <param name="afterPruning">How many are left after dropping.</param>
    /// <param name="afterMerging">How many are left in the end.</param>
    public static (TokenMap Map, Tensor Likeness) Match(Tensor features, Tensor order, int special, long afterPruning, long afterMerging)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        Tensor anchors = order.narrow(1, 0, afterMerging).contiguous(), sources = order.narrow(1, afterMerging, afterPruning - afterMerging).contiguous();
        Tensor targets = sources, likeness = zeros(sources.shape, dtype: ScalarType.Float32, device: features.device);
        if (sources.shape[1] > 0)
        {
            Tensor receivers = order.narrow(1, special, afterMerging - special);
            (likeness, targets) = Bipartite.Partners(TokenMetrics.Unit(features, special), sources, receivers, null);
            (likeness, targets) = (likeness.clamp_min(0), targets + special);
        }

        return (new TokenMap(scope.MoveToOuter(anchors), scope.MoveToOuter(sources), ReferenceEquals(targets, sources) ? sources : scope.MoveToOuter(targets), features.shape[1]), scope.MoveToOuter(likeness));
    }
}
