using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>What two tokens are compared by.</summary>
public enum TokenMetric
{
    /// <summary>The mean over heads of the keys of the block's attention.</summary>
    KeyMean,

    /// <summary>The mean over heads of the queries.</summary>
    QueryMean,

    /// <summary>The mean over heads of the values.</summary>
    ValueMean,

    /// <summary>The sum over heads of the keys.</summary>
    KeySum,

    /// <summary>The residual stream after the attention.</summary>
    Hidden,
}

/// <summary>How a metric is had, and how it is made fit for matching.</summary>
internal static class TokenMetrics
{
    public static AttentionWish Wish(TokenMetric metric) => metric switch
    {
        TokenMetric.KeyMean or TokenMetric.KeySum => AttentionWish.Keys,
        TokenMetric.QueryMean => AttentionWish.Queries,
        TokenMetric.ValueMean => AttentionWish.Values,
        _ => AttentionWish.None,
    };

    /// <summary>
    /// What a matcher takes: [B, N, D], or for means and sums over heads [B, H, N, D], which it sums itself; directions are all that counts.
    /// Without gradient. The caller's scope gets it.
    /// </summary>
    public static Tensor Of(TokenMetric metric, TokenState state, AttentionOutput attention)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        Tensor x = metric switch
        {
            TokenMetric.KeyMean or TokenMetric.KeySum => Asked(attention.Keys, "keys"),
            TokenMetric.QueryMean => Asked(attention.Queries, "queries"),
            TokenMetric.ValueMean => Asked(attention.Values, "values"),
            _ => state.Tokens,
        };
        return scope.MoveToOuter(x.detach());
    }

    /// <summary>float32 rows of length 1; a row of zeros stays zeros.</summary>
    /// <exception cref="ArgumentException">The metric is not [B, N, D], or not finite.</exception>
    public static Tensor Unit(Tensor metric, int special)
    {
        Check(metric, special);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        Tensor wide = metric.detach().to(ScalarType.Float32);
        if (wide.dim() == 4)
            wide = wide.mean([1]);
        Tensor length = wide.norm(-1, keepdim: true);
        if (!length.isfinite().all().ToBoolean())
            throw NotFinite();
        return scope.MoveToOuter(where(length.gt(0), wide / length, zeros_like(wide)));
    }

    public static void Check(Tensor metric, int special)
    {
        ArgumentNullException.ThrowIfNull(metric);
        if (metric.dim() is not (3 or 4) || metric.shape[0] == 0 || metric.shape[^1] == 0)
            throw new ArgumentException($"the metric is [batch, tokens, width], or [batch, heads, tokens, width], not [{string.Join(", ", metric.shape)}]", nameof(metric));
        if (metric.shape[^2] < 1 + special)
            throw new ArgumentException($"the metric has {metric.shape[^2]} tokens; with {special} special ones there are at least {1 + special}", nameof(metric));
    }

    public static ArgumentException NotFinite() => new("the metric holds NaN or infinite numbers; matching needs finite ones", "metric");

    private static Tensor Asked(Tensor? tensor, string what) => tensor ?? throw new InvalidOperationException($"the {what} were not asked for");
}
