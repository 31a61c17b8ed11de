using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens.Matching;

namespace Merganser.Neural.Tokens;

/// <summary>What random reduction does with the tokens that it draws.</summary>
public enum RandomReduction
{
    /// <summary>They merge into the most similar of the others.</summary>
    Merge,

    /// <summary>They merge into random others.</summary>
    Pair,

    /// <summary>They are dropped.</summary>
    Drop,
}

/// <summary>Baselines: random tokens leave in every block. The same seed gives the same tokens for the same batch. At least one patch stays.</summary>
public sealed class RandomTokens : TokenReducer
{
    /// <summary>Where the random numbers begin.</summary>
    public ulong Seed { get; init; }

    /// <summary>What becomes of them.</summary>
    public RandomReduction Kind { get; init; }

    /// <inheritdoc/>
    public override AttentionWish Wish => AttentionWish.Keys;

    /// <inheritdoc/>
    protected override long Removable(long count, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return Math.Max(0, count - shape.SpecialTokens - 1);
    }

    /// <inheritdoc/>
    protected override TokenMap? Plan(ReductionStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var matcher = new RandomMatcher { Seed = Seed + ((ulong)step.Block * 0x9E3779B97F4A7C15), Special = step.Special, RandomPartners = Kind != RandomReduction.Merge };
        return matcher.Match(TokenMetrics.Of(TokenMetric.KeyMean, step.State, step.Attention), step.Remove);
    }

    /// <inheritdoc/>
    protected override TokenState Apply(TokenState state, TokenMap map) => Kind == RandomReduction.Drop ? state.Pruned(map) : state.Merged(map);
}
