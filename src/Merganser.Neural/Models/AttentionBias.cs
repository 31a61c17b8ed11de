using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// What is added to attention scores before the softmax: which key a query may see, and a term per key. Positions decide, never the place
/// in a cache, so a trimmed, merged or padded cache needs nothing special. The tensor is made when a kernel asks for it.
/// </summary>
public sealed class AttentionBias
{
    /// <summary>Queries see keys at their own position and before.</summary>
    public bool IsCausal { get; init; }

    /// <summary>The position of each query, int64 [B, T] or [1, T]; needed if causal.</summary>
    public Tensor? QueryPositions { get; init; }

    /// <summary>The position of each key, int64 [B, S] or [1, S]; needed if causal.</summary>
    public Tensor? KeyPositions { get; init; }

    /// <summary>True where a key may be seen at all, bool [B, S].</summary>
    public Tensor? KeyMask { get; init; }

    /// <summary>Added to the score of a key for every query, [B, S] or [B, H, S]: ln(size) of merged tokens, a deletion gate.</summary>
    public Tensor? KeyTerm { get; init; }

    /// <summary>Added as it is, broadcast to [B, H, T, S]: a table of relative positions, a visibility matrix.</summary>
    public Tensor? Full { get; init; }

    /// <summary>Queries see at most this many positions, their own included.</summary>
    public int? Window { get; init; }

    /// <summary>Queries and keys are the same tokens in order, so that plain causality needs no tensor.</summary>
    public bool IsAligned { get; init; }

    /// <summary>Nothing but plain causality, or nothing at all: a kernel needs no tensor.</summary>
    internal bool IsPlain => KeyMask is null && KeyTerm is null && Full is null && (!IsCausal || (IsAligned && Window is null));

    /// <summary>The same with another window.</summary>
    internal AttentionBias With(int? window, long keys) => new()
    {
        IsCausal = IsCausal,
        QueryPositions = QueryPositions,
        KeyPositions = KeyPositions,
        KeyMask = KeyMask,
        KeyTerm = KeyTerm,
        Full = Full,
        IsAligned = IsAligned,
        Window = IsAligned && window >= keys ? null : window,
    };

    /// <summary>The additive tensor, broadcastable to [B, H, T, S]. A key that may not be seen gets the most negative finite number, so that no row is NaN.</summary>
    internal Tensor ToTensor(ScalarType type, Device device)
    {
        Tensor? visible = null;
        if (IsCausal)
        {
            Tensor query = QueryPositions!.unsqueeze(-1), key = KeyPositions!.unsqueeze(-2);
            visible = key.le(query);
            if (Window is { } window)
                visible = visible.logical_and(key.gt(query - window));
            visible = visible.unsqueeze(1);
        }

        if (KeyMask is { } mask)
        {
            Tensor keys = mask.unsqueeze(1).unsqueeze(1);
            visible = visible is null ? keys : visible.logical_and(keys);
        }

        Tensor? sum = Full?.to(ScalarType.Float32);
        if (KeyTerm is { } term)
        {
            Tensor row = (term.dim() == 2 ? term.unsqueeze(1) : term).unsqueeze(-2).to(ScalarType.Float32);
            sum = sum is null ? row : sum + row;
        }

        double lowest = type == ScalarType.Float16 ? -65504 : -3.3895313892515355e38; // the least bfloat16 number is finite in float32 too
        if (visible is not null)
        {
            Tensor hidden = zeros(1, dtype: ScalarType.Float32, device: device).masked_fill(visible.logical_not(), lowest);
            sum = sum is null ? hidden : maximum(sum + hidden, full(1, lowest, dtype: ScalarType.Float32, device: device));
        }

        return (sum ?? zeros(1, dtype: ScalarType.Float32, device: device)).to(type);
    }
}
