using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Matching;

/// <summary>
/// ToMe's k-th matching: of every k tokens the last receives, all others merge into the most similar receiver. N/k tokens come out; those
/// beyond the last whole group of k are dropped.
/// </summary>
public sealed class KthMatcher : ITokenMatcher
{
    /// <summary>k, 2 or more.</summary>
    public int Every
    {
        get;
        init => field = value >= 2 ? value : throw new ArgumentOutOfRangeException(nameof(Every), value, "groups have 2 or more tokens");
    } = 2;

    /// <summary>Tokens at the beginning that never merge.</summary>
    public int Special { get; init; }

    /// <inheritdoc/>
    public long Removable(long count) => (count - Special) / Every == 0 ? 0 : count - Special - ((count - Special) / Every);

    /// <inheritdoc/>
    /// <remarks>It takes all that it can away, whatever was asked, if that is not none.</remarks>
    public TokenMap? Match(Tensor metric, long remove)
    {
        TokenMetrics.Check(metric, Special);
        ArgumentOutOfRangeException.ThrowIfNegative(remove);
        long count = metric.shape[^2], groups = (count - Special) / Every;
        if (remove == 0 || groups == 0)
            return null;
        using DisposeScope scope = NewDisposeScope();
        Tensor all = arange(Special, Special + (groups * Every), dtype: ScalarType.Int64, device: metric.device).view(groups, Every);
        Tensor first = all.narrow(1, 0, Every - 1).reshape(1, -1), second = all.narrow(1, Every - 1, 1).reshape(1, -1);
        TokenMap map = ListMatcher.Match(metric, first, second, first.shape[1], Special)!;
        return new TokenMap(scope.MoveToOuter(map.Anchors), scope.MoveToOuter(map.Sources), scope.MoveToOuter(map.Targets), count);
    }
}
