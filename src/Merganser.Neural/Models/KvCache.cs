using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// Keys and values of the tokens that a model has seen, per layer [B, Hk, N, D] (keys after rotation), each with its position and a flag
/// whether it may be seen. <see cref="SeenTokens"/> counts tokens, not entries: after entries were dropped the next position is still right.
/// </summary>
public sealed class KvCache : IDisposable
{
    private readonly LayerCache[] _layers;

    /// <summary>An empty cache.</summary>
    public KvCache(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        _layers = [.. Enumerable.Range(0, layers).Select(_ => new LayerCache())];
    }

    private KvCache(LayerCache[] layers, long seen)
    {
        _layers = layers;
        SeenTokens = seen;
    }

    /// <summary>How many tokens went in, dropped ones and padding included.</summary>
    public long SeenTokens { get; private set; }

    /// <summary>The number of layers.</summary>
    public int Layers => _layers.Length;

    /// <summary>The bytes of keys and values that are kept.</summary>
    public long Bytes => _layers.Sum(layer => layer.Bytes);

    /// <summary>One layer.</summary>
    public LayerCache this[int layer] => _layers[layer];

    /// <summary>Drops the newest entries so that <paramref name="tokens"/> seen tokens remain; only of a cache from which nothing else was dropped.</summary>
    public void Crop(long tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, SeenTokens);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        foreach (LayerCache layer in _layers)
            layer.Crop(layer.Count - (SeenTokens - tokens));
        SeenTokens = tokens;
    }

    /// <summary>Picks rows of the batch, for beams and finished rows: index int64 [B'].</summary>
    public void SelectRows(Tensor rows)
    {
        foreach (LayerCache layer in _layers)
            layer.SelectRows(rows);
    }

    /// <summary>An independent copy.</summary>
    public KvCache Clone() => new([.. _layers.Select(layer => layer.Clone())], SeenTokens);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LayerCache layer in _layers)
            layer.Dispose();
    }

    internal void Saw(long tokens) => SeenTokens += tokens;
}
