using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What travels through the layers of one pass of a decoder that looks at an encoder: positions, masks, cache, relative positions, wishes.</summary>
public sealed class Seq2SeqState
{
    private readonly Seq2SeqInput _input;
    private readonly RelativePositionBias? _relative;
    private readonly Tensor? _relativeAtStart;
    private readonly Tensor _mask;
    private readonly List<AttentionOutput> _attentions = [], _crossAttentions = [];

    internal Seq2SeqState(Tensor ids, Seq2SeqInput input, RelativePositionBias? relative)
    {
        (_input, _relative) = (input, relative);
        long start = input.Cache?.SeenTokens ?? 0, tokens = ids.shape[1];
        if (input.EncoderStates is { } states && states.shape[0] != ids.shape[0])
            throw new ArgumentException($"{ids.shape[0]} rows of token ids do not fit {states.shape[0]} rows of encoder states", nameof(ids));
        Positions = input.Positions ?? arange(start, start + tokens, ScalarType.Int64, ids.device).unsqueeze(0);
        _mask = (input.Mask ?? ones(1, tokens, dtype: ScalarType.Bool, device: ids.device)).to(ScalarType.Bool);
        // Made before the layers, whose scopes would let go of it.
        if (relative is not null && (input.Cache is null || start == 0))
            _relativeAtStart = input.Positions is null && start == 0 ? relative.Square(tokens) : relative.Between(Positions, Positions);
    }

    /// <summary>int64 [B, T] or [1, T].</summary>
    public Tensor Positions { get; }

    internal IReadOnlyList<AttentionOutput> Attentions => _attentions;

    internal IReadOnlyList<AttentionOutput> CrossAttentions => _crossAttentions;

    internal bool KeepsTensors => _input.Attention != AttentionWish.None;

    /// <summary>Appends to the cache of the layer, if there is one, and attends to the decoder's tokens up to each query's position.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="query">[B, H, T, D].</param>
    /// <param name="keys">[B, H, T, D].</param>
    /// <param name="values">[B, H, T, D].</param>
    /// <param name="scale">Multiplies scores; D^−½ if left out.</param>
    public Tensor AttendSelf(int layer, Tensor query, Tensor keys, Tensor values, double? scale = null)
    {
        Tensor keyPositions = Positions;
        Tensor? keyMask = _input.Mask is null ? null : _mask;
        bool aligned = true;
        if (_input.Cache is { } cache)
        {
            LayerCache own = cache.Self[layer];
            aligned = own.Count == 0;
            own.Append(keys, values, Positions, _mask);
            (keys, values, keyPositions) = (own.Keys, own.Values, own.Positions);
            keyMask = aligned && keyMask is null ? null : own.Mask;
        }

        var bias = new AttentionBias
        {
            IsCausal = true,
            IsAligned = aligned && _input.Positions is null,
            QueryPositions = Positions,
            KeyPositions = keyPositions,
            KeyMask = keyMask,
            Full = _relative is null ? null : aligned && _relativeAtStart is not null ? _relativeAtStart : _relative.Between(Positions, keyPositions),
        };
        return Noted(_attentions, Attention.Compute(query, keys, values, bias, scale, _input.Attention));
    }

    /// <summary>Attends to the encoder's tokens, whose keys and values are computed once per cache.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="query">[B, H, T, D].</param>
    /// <param name="project">The encoder's hidden states [B, S, D] → keys and values [B, H, S, D].</param>
    /// <param name="scale">Multiplies scores; D^−½ if left out.</param>
    public Tensor AttendCross(int layer, Tensor query, Func<Tensor, (Tensor Keys, Tensor Values)> project, double? scale = null)
    {
        ArgumentNullException.ThrowIfNull(project);
        LayerCache? own = _input.Cache?.Cross[layer];
        Tensor keys, values;
        Tensor? mask = _input.EncoderMask?.to(ScalarType.Bool);
        if (own is { Count: > 0 })
        {
            (keys, values, mask) = (own.Keys, own.Values, own.Mask);
        }
        else
        {
            Tensor states = _input.EncoderStates ?? throw new ArgumentException("the first pass of a decoder needs the hidden states of the encoder");
            (keys, values) = project(states);
            long tokens = keys.shape[2];
            own?.Append(
                keys,
                values,
                arange(tokens, ScalarType.Int64, keys.device).unsqueeze(0),
                mask ?? ones(1, tokens, dtype: ScalarType.Bool, device: keys.device));
        }

        return Noted(_crossAttentions, Attention.Compute(query, keys, values, new AttentionBias { KeyMask = mask }, scale, _input.Attention));
    }

    private Tensor Noted(List<AttentionOutput> list, AttentionOutput output)
    {
        if (KeepsTensors)
            list.Add(output);
        return output.Output;
    }
}
