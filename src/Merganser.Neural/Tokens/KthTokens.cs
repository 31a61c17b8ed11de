using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens.Matching;

namespace Merganser.Neural.Tokens;

/// <summary>
/// Baseline: once, in one block, all patches but every k-th merge into the most similar k-th one (ToMe's k-th matching, arXiv 2210.09461).
/// The schedule says how much is kept: a ratio, with k the nearest whole number to its inverse, 2 or more.
/// </summary>
public sealed class KthTokens : TokenReducer
{
    /// <summary>The block, 0-based.</summary>
    public int Block { get; init; }

    /// <inheritdoc/>
    protected internal override long Removed(int block, long count, VisionShape shape) =>
        block == Block && Schedule.Removed(block, shape.Blocks, count) > 0 ? Removable(count, shape) : 0;

    /// <inheritdoc/>
    protected override long Removable(long count, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return Matcher(shape).Removable(count);
    }

    /// <inheritdoc/>
    protected override TokenMap? Plan(ReductionStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        return Matcher(step.Shape).Match(TokenMetrics.Of(TokenMetric.KeyMean, step.State, step.Attention), step.Remove);
    }

    private KthMatcher Matcher(VisionShape shape)
    {
        double ratio = Schedule.Ratio ?? throw new MerganserException("kth merges once; say how much is kept (--keep 0.5), not how many tokens leave in every block");
        return new KthMatcher { Every = (int)Math.Clamp(Math.Round(1 / ratio), 2, Math.Max(2, shape.Grid.Rows * shape.Grid.Columns)), Special = shape.SpecialTokens };
    }
}
