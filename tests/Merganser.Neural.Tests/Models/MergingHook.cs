using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>
/// Bipartite soft matching (arXiv 2210.09461) as a hook, written plainly: even tokens look for the most similar odd token, the best pairs
/// merge, weighted by size. Shows that a hook sees the right keys at the right place and that sizes reach attention.
/// </summary>
internal sealed class MergingHook(IReadOnlyList<int> merged, int protectedTokens) : IBlockHook
{
    public AttentionWish Wish(int block) => AttentionWish.Keys;

    public TokenState AfterAttention(int block, TokenState state, AttentionOutput attention)
    {
        long batch = state.Tokens.shape[0], count = state.Count, r = Math.Min(merged[block], (count - protectedTokens) / 2);
        if (r <= 0)
            return state;
        Tensor metric = attention.MeanKeys();
        metric = metric / metric.norm(-1, keepdim: true);
        Tensor even = arange(0, count, 2), odd = arange(1, count, 2);
        Tensor scores = matmul(metric.index_select(1, even), metric.index_select(1, odd).transpose(1, 2));
        if (protectedTokens > 0)
            scores[.., 0] = double.NegativeInfinity;
        if (protectedTokens > 1)
            scores[.., .., 0] = double.NegativeInfinity;
        (Tensor best, Tensor partner) = scores.max(-1);
        Tensor order = best.argsort(-1, descending: true);
        Tensor source = order.narrow(1, 0, r), kept = order.narrow(1, r, order.shape[1] - r);
        if (protectedTokens > 0)
            kept = kept.sort(1).Values;
        Tensor target = partner.gather(1, source);

        Tensor Merge(Tensor x)
        {
            Tensor a = x.index_select(1, even), b = x.index_select(1, odd);
            Tensor moved = a.gather(1, Wide(source, x)), stays = a.gather(1, Wide(kept, x)), received = b.scatter_add(1, Wide(target, x), moved);
            return protectedTokens > 1
                ? cat([stays.narrow(1, 0, 1), received.narrow(1, 0, 1), stays.narrow(1, 1, stays.shape[1] - 1), received.narrow(1, 1, received.shape[1] - 1)], 1)
                : cat([stays, received], 1);
        }

        Tensor size = state.Size ?? ones(batch, count, 1), total = Merge(size);
        return new TokenState(Merge(state.Tokens * size) / total)
        {
            Size = total,
            Source = Merge( // Tokens stand for different first tokens: the sum is the union.
                state.Source ?? eye(count).expand(batch, count, count)),
        };
    }

    private static Tensor Wide(Tensor index, Tensor x) => index.unsqueeze(-1).expand(index.shape[0], index.shape[1], x.shape[2]);
}
