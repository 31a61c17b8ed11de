using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;

namespace Merganser.Neural.Tokens;

/// <summary>
/// A way to shorten the sequence of tokens inside an encoder, between attention and feed-forward net. A method says in <see cref="Plan"/> which
/// tokens go together; carrying it out on features, sizes and groups is the same for all.
/// </summary>
public abstract class TokenReducer
{
    /// <summary>How many tokens leave in every block.</summary>
    public ReductionSchedule Schedule { get; init; } = ReductionSchedule.None;

    /// <summary>The schedule in the words of the user.</summary>
    public virtual string Budget => Schedule.Description;

    /// <summary>Whether a token that stands for several counts as several in attention; the choice of the method's authors.</summary>
    public virtual bool ProportionalAttention { get; init; } = true;

    /// <summary>What the method needs to see of a block's attention.</summary>
    public virtual AttentionWish Wish => AttentionWish.Keys;

    /// <summary>The input that lets a model run with this reducer: <c>model.Forward(pixels, reducer.Input(model.Encoder))</c>.</summary>
    /// <param name="encoder">The encoder of the model.</param>
    /// <param name="trace">Follow which of the first tokens went where (<see cref="TokenState.Groups"/>).</param>
    public VisionInput Input(VisionEncoder encoder, bool trace = false)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        return new VisionInput { Hook = new TokenReduction(this, encoder.Shape) { Trace = trace }, ProportionalAttention = ProportionalAttention };
    }

    /// <summary>How many tokens a block gives to its feed-forward net, from how many it gets: the plan's arithmetic without its data.</summary>
    /// <param name="block">0-based.</param>
    /// <param name="count">The tokens that enter the block, special ones included.</param>
    /// <param name="shape">The encoder.</param>
    public long Remaining(int block, long count, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return count - Removed(block, count, shape);
    }

    /// <summary>How many tokens leave.</summary>
    protected internal virtual long Removed(int block, long count, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return Math.Clamp(Schedule.Removed(block, shape.Blocks, Counted(count, shape)), 0, Removable(count, shape));
    }

    /// <summary>The tokens that a ratio refers to; all, if the method does not say otherwise.</summary>
    protected virtual long Counted(long count, VisionShape shape) => count;

    /// <summary>The most tokens that can leave in one block.</summary>
    protected abstract long Removable(long count, VisionShape shape);

    /// <summary>Which tokens go together; null if none do.</summary>
    protected abstract TokenMap? Plan(ReductionStep step);

    /// <summary>Plans and carries out.</summary>
    protected internal virtual TokenState Reduce(ReductionStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        return Plan(step) is { } map ? Apply(step.State, map) : step.State;
    }

    /// <summary>Carries a plan out: the mean weighted with sizes, if the method does not say otherwise.</summary>
    protected virtual TokenState Apply(TokenState state, TokenMap map) => state.Merged(map);
}
