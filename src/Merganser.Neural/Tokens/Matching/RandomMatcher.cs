using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Matching;

/// <summary>ToMe's random matching: r random tokens merge into the most similar of the others, or into any. Special tokens stay in front.</summary>
public sealed class RandomMatcher : ITokenMatcher
{
    /// <summary>Where the random numbers begin; the same seed gives the same tokens.</summary>
    public ulong Seed { get; init; }

    /// <summary>Tokens at the beginning that never merge.</summary>
    public int Special { get; init; }

    /// <summary>Partners are random too, not the most similar.</summary>
    public bool RandomPartners { get; init; }

    /// <inheritdoc/>
    public long Removable(long count) => Math.Max(0, count - Special - 1);

    /// <inheritdoc/>
    public TokenMap? Match(Tensor metric, long remove)
    {
        TokenMetrics.Check(metric, Special);
        ArgumentOutOfRangeException.ThrowIfNegative(remove);
        long batch = metric.shape[0], count = metric.shape[^2], r = Math.Min(remove, Removable(count));
        if (r == 0)
            return null;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        var random = new Random(unchecked((int)(Seed ^ (Seed >> 32))));
        long patches = count - Special, stay = patches - r;
        long[] anchors = new long[batch * (count - r)], sources = new long[batch * r], targets = new long[batch * r];
        int[] order = new int[patches];
        for (int image = 0; image < batch; image++)
        {
            for (int i = 0; i < order.Length; i++)
                order[i] = i + Special;
            random.Shuffle(order);
            for (int i = 0; i < count - r; i++)
                anchors[(image * (count - r)) + i] = i < Special ? i : order[r + i - Special];
            for (int i = 0; i < r; i++)
                (sources[(image * r) + i], targets[(image * r) + i]) = (order[i], Special + random.NextInt64(stay));
        }

        Tensor kept = tensor(anchors, [batch, count - r]).to(metric.device), going = tensor(sources, [batch, r]).to(metric.device), partners = tensor(targets, [batch, r]).to(metric.device);
        if (!RandomPartners)
        {
            (_, Tensor best) = Bipartite.Partners(TokenMetrics.Unit(metric, Special), going, kept.narrow(1, Special, stay), null);
            partners = best + Special;
        }

        return new TokenMap(scope.MoveToOuter(kept), scope.MoveToOuter(going), scope.MoveToOuter(partners), count);
    }
}
