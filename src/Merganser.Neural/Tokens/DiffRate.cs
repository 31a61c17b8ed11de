using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens.Matching;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>
/// DiffRate ("Differentiable Compression Rate for Efficient Vision Transformers", arXiv 2305.17997): every block drops its least important
/// tokens and merges the next least into the most similar of the rest. How many in each block is learned.
/// </summary>
/// <remarks>
/// The importance of a token is the class token's attention to it, mean over heads; so the model must have a class token. Likeness is the
/// cosine of whole features. Merged features are plain means; sizes, which drive the attention, grow by size times likeness, at least 0.
/// Proportional attention is always on. Without learned <see cref="Rates"/> the schedule decides, and half of what leaves is dropped.
/// </remarks>
public sealed class DiffRate : TokenReducer
{
    /// <summary>How many tokens every block keeps; left out: by <see cref="TokenReducer.Schedule"/>.</summary>
    public TokenRates? Rates { get; init; }

    /// <summary>The part of the tokens that leave by <see cref="TokenReducer.Schedule"/> which is dropped: 1 only drops, 0 only merges.</summary>
    public double PrunedPart
    {
        get;
        init => field = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(PrunedPart), value, "a part is from 0 to 1");
    } = 0.5;

    /// <inheritdoc/>
    public override string Budget => Rates is null ? base.Budget : $"kept=[{string.Join(",", Rates.AfterMerging)}]";

    /// <inheritdoc/>
    public override AttentionWish Wish => TokenImportances.Wish(TokenImportance.ClassAttention);

    /// <inheritdoc/>
    public override bool ProportionalAttention
    {
        get => true;
        init
        {
            if (!value)
                throw new ArgumentException("DiffRate's attention is always proportional to sizes");
        }
    }

    /// <inheritdoc/>
    protected internal override long Removed(int block, long count, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        TokenImportances.RequireClassToken(shape, "DiffRate");
        if (Rates is null)
            return base.Removed(block, count, shape);
        if (Rates.AfterPruning.Count != shape.Blocks || Rates.AfterMerging.Count != shape.Blocks)
            throw new MerganserException($"the rates are for {Rates.AfterPruning.Count} and {Rates.AfterMerging.Count} blocks, the model has {shape.Blocks}; learn them for this model");
        int least = shape.SpecialTokens + 1;
        if (Rates.AfterPruning.Concat(Rates.AfterMerging).Any(kept => kept < least))
            throw new MerganserException($"a block must keep at least {least} tokens: the special ones and a patch");
        return Math.Max(0, count - Math.Min(Rates.AfterPruning[block], Rates.AfterMerging[block]));
    }

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
        (TokenMap map, Tensor likeness) = Match(step);
        likeness.Dispose();
        return map;
    }

    /// <inheritdoc/>
    protected internal override TokenState Reduce(ReductionStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        (TokenMap map, Tensor likeness) = Match(step);
        TokenState state = step.State;
        Tensor size = state.Size ?? ones([state.Tokens.shape[0], state.Count, 1], dtype: ScalarType.Float32, device: state.Tokens.device);
        Tensor kept = size.gather(1, map.Anchors.unsqueeze(-1));
        Tensor grown = kept.scatter_add(1, map.Targets.unsqueeze(-1), size.gather(1, map.Sources.unsqueeze(-1)) * likeness.unsqueeze(-1));
        return new TokenState(map.Mean(state.Tokens)) { Size = grown, Groups = state.Followed(map) };
    }

    private (TokenMap Map, Tensor Likeness) Match(ReductionStep step)
    {
        long count = step.State.Count, afterMerging = count - step.Remove;
        long afterPruning = Rates is null ? count - (long)Math.Ceiling(step.Remove * PrunedPart) : Math.Clamp(Rates.AfterPruning[step.Block], afterMerging, count);
        using DisposeScope scope = NewDisposeScope();
        Tensor order = TokenImportances.Order(TokenImportances.Of(TokenImportance.ClassAttention, step, proportional: true), step.Special);
        (TokenMap map, Tensor likeness) = ImportanceMatcher.Match(step.State.Tokens, order, step.Special, afterPruning, afterMerging);
        foreach (Tensor tensor in (ReadOnlySpan<Tensor>)[map.Anchors, map.Sources, map.Targets, likeness])
        {
            if (scope.Contains(tensor))
                scope.MoveToOuter(tensor);
        }

        return (map, likeness);
    }
}
