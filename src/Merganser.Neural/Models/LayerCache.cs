using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>The entries of one layer. Room grows by doubling, so appending a token copies one token.</summary>
public sealed class LayerCache : IDisposable
{
    private const long SmallestRoom = 64;

    private Tensor? _keys, _values, _positions, _mask;

    /// <summary>The number of entries.</summary>
    public long Count { get; private set; }

    /// <summary>[B, Hk, N, D], a view of the cache.</summary>
    public Tensor Keys => Filled(_keys, 2);

    /// <summary>[B, Hk, N, D], a view of the cache.</summary>
    public Tensor Values => Filled(_values, 2);

    /// <summary>int64 [B, N].</summary>
    public Tensor Positions => Filled(_positions, 1);

    /// <summary>bool [B, N]: false for padding.</summary>
    public Tensor Mask => Filled(_mask, 1);

    /// <summary>The bytes of the entries.</summary>
    public long Bytes => _keys is null || Count == 0 ? 0 : Count * ((_keys.numel() * _keys.element_size()) + (_values!.numel() * _values.element_size())) / _keys.shape[2];

    /// <summary>Adds entries behind the others.</summary>
    internal void Append(Tensor keys, Tensor values, Tensor positions, Tensor mask)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        long added = keys.shape[2], needed = Count + added, batch = keys.shape[0];
        if (_keys is null || _keys.shape[2] < needed)
        {
            long room = Math.Max(SmallestRoom, Math.Max(needed, 2 * (_keys?.shape[2] ?? 0)));
            Grow(ref _keys, 2, room, [batch, keys.shape[1], room, keys.shape[3]], keys);
            Grow(ref _values, 2, room, [batch, values.shape[1], room, values.shape[3]], values);
            Grow(ref _positions, 1, room, [batch, room], positions);
            Grow(ref _mask, 1, room, [batch, room], mask);
        }

        _keys!.narrow(2, Count, added).copy_(keys);
        _values!.narrow(2, Count, added).copy_(values);
        _positions!.narrow(1, Count, added).copy_(positions.expand(batch, added));
        _mask!.narrow(1, Count, added).copy_(mask.expand(batch, added));
        Count = needed;
    }

    /// <summary>Puts other entries in place of all: a policy's choice. Positions int64 [B, n], mask bool [B, n].</summary>
    public void Replace(Tensor keys, Tensor values, Tensor positions, Tensor mask)
    {
        Take(ref _keys, keys);
        Take(ref _values, values);
        Take(ref _positions, positions);
        Take(ref _mask, mask);
        Count = keys.shape[2];
    }

    /// <summary>Keeps the entries at these places, int64 [B, Hk, n] or [B, n]; positions follow the first head.</summary>
    public void Gather(Tensor indices)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor perHead = indices.dim() == 3 ? indices : indices.unsqueeze(1).expand(indices.shape[0], Keys.shape[1], indices.shape[1]);
        Tensor shared = perHead.select(1, 0);
        Tensor Pick(Tensor x) => x.gather(2, perHead.unsqueeze(-1).expand(perHead.shape[0], perHead.shape[1], perHead.shape[2], x.shape[3]));
        Replace(Pick(Keys), Pick(Values), Positions.gather(1, shared), Mask.gather(1, shared));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _keys?.Dispose();
        _values?.Dispose();
        _positions?.Dispose();
        _mask?.Dispose();
        _keys = _values = _positions = _mask = null;
        Count = 0;
    }

    internal void Crop(long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        Count = Math.Min(Count, count);
    }

    internal void SelectRows(Tensor rows)
    {
        if (_keys is null)
            return;
        using DisposeScope scope = NewDisposeScope();
        Replace(Keys.index_select(0, rows), Values.index_select(0, rows), Positions.index_select(0, rows), Mask.index_select(0, rows));
    }

    internal LayerCache Clone()
    {
        var copy = new LayerCache();
        if (_keys is not null)
        {
            using DisposeScope scope = NewDisposeScope();
            copy.Replace(Keys.clone(), Values.clone(), Positions.clone(), Mask.clone());
        }

        return copy;
    }

    private static void Take(ref Tensor? field, Tensor value)
    {
        Tensor own = value.detach().contiguous().DetachFromDisposeScope();
        field?.Dispose();
        field = own;
    }

    private void Grow(ref Tensor? field, int axis, long room, long[] shape, Tensor like)
    {
        Tensor larger = empty(shape, dtype: like.dtype, device: like.device).DetachFromDisposeScope();
        if (field is not null)
        {
            larger.narrow(axis, 0, Count).copy_(field.narrow(axis, 0, Count));
            field.Dispose();
        }

        field = larger;
    }

    private Tensor Filled(Tensor? x, int axis) => (x ?? throw new InvalidOperationException("the cache is empty")).narrow(axis, 0, Count);
}
