using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>A reducer at work in the blocks of an encoder.</summary>
public sealed class TokenReduction : IBlockHook
{
    private readonly TokenReducer _reducer;
    private readonly VisionShape _shape;

    /// <summary>A reducer for an encoder.</summary>
    /// <exception cref="ArgumentException">The reducer's schedule does not fit the encoder.</exception>
    public TokenReduction(TokenReducer reducer, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(reducer);
        ArgumentNullException.ThrowIfNull(shape);
        (_reducer, _shape) = (reducer, shape);
        long count = shape.Tokens;
        for (int block = 0; block < shape.Blocks; block++)
            count = reducer.Remaining(block, count, shape);
    }

    /// <summary>Follow which of the first tokens went where.</summary>
    public bool Trace { get; init; }

    /// <summary>Called after each block with the groups of the first tokens, int64 [B, N₀], when they are followed.</summary>
    public Action<int, Tensor>? Traced { get; init; }

    /// <inheritdoc/>
    public AttentionWish Wish(int block) => _reducer.Removed(block, _shape.Tokens, _shape) > 0 ? _reducer.Wish : AttentionWish.None;

    /// <inheritdoc/>
    public TokenState AfterAttention(int block, TokenState state, AttentionOutput attention)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (Trace && state.Groups is null)
            state = state with { Groups = arange(state.Count, dtype: ScalarType.Int64, device: state.Tokens.device).expand(state.Tokens.shape[0], state.Count).contiguous() };
        long remove = _reducer.Removed(block, state.Count, _shape);
        if (remove > 0)
            state = _reducer.Reduce(new ReductionStep(state, attention, block, _shape, remove));
        if (state.Groups is { } groups)
            Traced?.Invoke(block, groups);
        return state;
    }
}

/// <summary>Changes all that travels with tokens by one map.</summary>
public static class TokenStateExtensions
{
    /// <summary>Features weighted with sizes, sizes summed, groups followed.</summary>
    public static TokenState Merged(this TokenState state, TokenMap map)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(map);
        (Tensor tokens, Tensor size) = map.Mean(state.Tokens, state.Size);
        return new TokenState(tokens) { Size = size, Groups = Followed(state, map) };
    }

    /// <summary>Sources are dropped; what stays is as it was.</summary>
    public static TokenState Pruned(this TokenState state, TokenMap map)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(map);
        var pruned = new TokenMap(map.Anchors, map.Sources.narrow(1, 0, 0), map.Targets.narrow(1, 0, 0), map.Count);
        return new TokenState(map.Prune(state.Tokens)) { Size = state.Size is { } size ? map.Prune(size) : null, Groups = Followed(state, pruned) };
    }

    /// <summary>The first tokens' groups, led through a map; −1 stays dropped.</summary>
    public static Tensor? Followed(this TokenState state, TokenMap map)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(map);
        if (state.Groups is not { } groups)
            return null;
        using DisposeScope scope = NewDisposeScope();
        Tensor next = map.Groups().expand(groups.shape[0], -1).gather(1, groups.clamp_min(0));
        return scope.MoveToOuter(next.masked_fill(groups.lt(0), MergeMap.Dropped));
    }
}
