using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens.Matching;

namespace Merganser.Neural.Tokens;

/// <summary>
/// ToMe ("Token Merging: Your ViT But Faster", arXiv 2210.09461). In every block the r most similar pairs of tokens merge, without training:
/// tokens at even places look for a partner at the odd places, cos(kᵢ, kⱼ) of the mean keys, and r tokens go into theirs, weighted with
/// sizes: y = Σ sᵢxᵢ / Σ sᵢ. At most (N − P)/2 of N tokens leave in a block, P of them special.
/// </summary>
/// <remarks>
/// Sizes are carried also when <see cref="TokenReducer.ProportionalAttention"/> is off, as models from masked pre-training want it. Choose it
/// first: the cheapest matching and a known number of tokens.
/// </remarks>
public sealed class ToMe : TokenReducer
{
    /// <summary>What tokens are compared by.</summary>
    public TokenMetric Metric { get; init; } = TokenMetric.KeyMean;

    /// <summary>Tokens come out in the order of the image; otherwise in the order of the matching, as in the authors' code.</summary>
    public bool InTokenOrder { get; init; }

    /// <inheritdoc/>
    public override AttentionWish Wish => TokenMetrics.Wish(Metric);

    /// <inheritdoc/>
    protected override long Removable(long count, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return Matcher(shape.SpecialTokens).Removable(count);
    }

    /// <inheritdoc/>
    protected override TokenMap? Plan(ReductionStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        TokenMap? map = Matcher(step.Special).Match(TokenMetrics.Of(Metric, step.State, step.Attention), step.Remove);
        return InTokenOrder ? map?.InTokenOrder() : map;
    }

    private static AlternatingMatcher Matcher(int special) => new() { Special = special };
}
