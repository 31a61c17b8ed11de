using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What travels through the layers of one forward pass: positions, mask, cache, rotary tables and what callers wish to see.</summary>
public sealed class CausalState
{
    private readonly Dictionary<RotaryTable, (Tensor Cos, Tensor Sin)> _rotary = [];
    private readonly CausalInput _input;
    private readonly List<AttentionOutput> _attentions = [];
    private readonly Tensor _mask;
    private readonly Tensor? _padding;
    private readonly Lazy<long> _longest;

    private CausalState(Tensor positions, Tensor mask, CausalInput input)
    {
        Positions = positions;
        _mask = mask;
        _padding = input.Mask is null ? null : mask;
        _input = input;
        _longest = new Lazy<long>(() => positions.max().item<long>() + 1);
    }

    /// <summary>int64 [B, T] or [1, T].</summary>
    public Tensor Positions { get; }

    /// <summary>The cache, if there is one.</summary>
    public KvCache? Cache => _input.Cache;

    /// <summary>Attentions that were asked for, so far.</summary>
    internal IReadOnlyList<AttentionOutput> Attentions => _attentions;

    /// <summary>Tensors made inside a layer are handed out.</summary>
    internal bool KeepsTensors => _input.Attention != AttentionWish.None;

    /// <summary>The state of a forward pass over these ids.</summary>
    public static CausalState Of(Tensor ids, CausalInput input)
    {
        if (ids.dim() != 2 || ids.shape[1] == 0)
            throw new ArgumentException($"token ids are [batch, tokens] with at least one token, not [{string.Join(", ", ids.shape)}]", nameof(ids));
        Check(input.Mask, ids, nameof(CausalInput.Mask));
        Check(input.Positions, ids, nameof(CausalInput.Positions));
        long start = input.Cache?.SeenTokens ?? 0;
        Tensor positions = input.Positions ?? arange(start, start + ids.shape[1], ScalarType.Int64, ids.device).unsqueeze(0);
        Tensor mask = (input.Mask ?? ones(1, ids.shape[1], dtype: ScalarType.Bool, device: ids.device)).to(ScalarType.Bool);
        return new CausalState(positions, mask, input);
    }

    /// <summary>The table of these positions, made once per pass.</summary>
    public (Tensor Cos, Tensor Sin) Rotary(RotaryTable table)
    {
        if (!_rotary.TryGetValue(table, out (Tensor Cos, Tensor Sin) made))
        {
            // The pass owns it: layers have scopes of their own.
            made = table.At(Positions, _longest.Value);
            made = (made.Cos.MoveToOuterDisposeScope(), made.Sin.MoveToOuterDisposeScope());
            _rotary.Add(table, made);
        }

        return made;
    }

    /// <summary>Appends to the cache of the layer, if there is one, and attends.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="query">[B, H, T, D], rotated.</param>
    /// <param name="keys">[B, Hk, T, D], rotated.</param>
    /// <param name="values">[B, Hk, T, D].</param>
    /// <param name="window">How many positions a query sees, its own included.</param>
    /// <param name="scale">Multiplies scores; D^−½ if left out.</param>
    public Tensor Attend(int layer, Tensor query, Tensor keys, Tensor values, int? window = null, double? scale = null)
    {
        Tensor keyPositions = Positions;
        Tensor? keyMask = _padding;
        bool aligned = true;
        if (Cache is { } cache)
        {
            LayerCache own = cache[layer];
            aligned = own.Count == 0;
            own.Append(keys, values, Positions, _mask);
            (keys, values) = (own.Keys, own.Values);
            keyPositions = own.Positions;
            keyMask = aligned && _padding is null ? null : own.Mask;
        }

        bool single = query.shape[2] == 1 && _padding is null && Cache is null;
        var bias = new AttentionBias
        {
            IsCausal = _input.Visibility is null && !single,
            IsAligned = aligned && _input.Positions is null,
            QueryPositions = Positions,
            KeyPositions = keyPositions,
            KeyMask = keyMask,
            Full = _input.Visibility,
        };
        AttentionOutput output = Attention.Compute(query, keys, values, bias.With(window, keys.shape[2]), scale, _input.Attention);
        if (KeepsTensors)
        {
            // Like the rotary tables: the pass owns what the caller will see, the layer's scope ends with the layer.
            foreach (Tensor? kept in (ReadOnlySpan<Tensor?>)[output.Output, output.Probabilities, output.LogSumExp, output.Keys, output.Queries, output.Values])
                kept?.MoveToOuterDisposeScope();
            _attentions.Add(output);
        }

        return output.Output;
    }

    private static void Check(Tensor? given, Tensor ids, string what)
    {
        if (given is not null && (given.dim() != 2 || given.shape[1] != ids.shape[1] || (given.shape[0] != 1 && given.shape[0] != ids.shape[0])))
            throw new ArgumentException($"{what} is [{string.Join(", ", given.shape)}]; it belongs to token ids of [{string.Join(", ", ids.shape)}]", what);
    }
}
