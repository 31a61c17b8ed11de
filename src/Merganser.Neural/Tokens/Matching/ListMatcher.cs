using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Matching;

/// <summary>Two given lists: tokens of the first look for the most similar of the second, the r best pairs merge. Out come those of the first that stay, the most similar first, then the second list.</summary>
internal static class ListMatcher
{
    /// <param name="metric">[B, N, D].</param>
    /// <param name="first">int64 [B or 1, n].</param>
    /// <param name="second">int64 [B or 1, m]; with the first and a front it is all tokens, or the others are dropped.</param>
    /// <param name="remove">At most n.</param>
    /// <param name="front">Tokens at the beginning that stay in front and are in neither list.</param>
    public static TokenMap? Match(Tensor metric, Tensor first, Tensor second, long remove, int front = 0)
    {
        long r = Math.Min(remove, first.shape[1]), batch = metric.shape[0];
        if (r == 0 || second.shape[1] == 0)
            return null;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        (Tensor best, Tensor partner) = Bipartite.Partners(TokenMetrics.Unit(metric, front), first, second, null);
        (Tensor merged, Tensor kept) = Bipartite.Split(best, r);
        Tensor special = arange(front, dtype: ScalarType.Int64, device: metric.device).expand(batch, front);
        Tensor anchors = cat([special, Bipartite.Tokens(first, kept), second.expand(batch, -1)], 1);
        Tensor targets = partner.gather(1, merged) + (front + kept.shape[1]);
        return new TokenMap(scope.MoveToOuter(anchors), scope.MoveToOuter(Bipartite.Tokens(first, merged).contiguous()), scope.MoveToOuter(targets), metric.shape[^2]);
    }
}
