using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>Keys and values of a decoder's own tokens, which grow, and of the encoder's, which are computed once.</summary>
public sealed class Seq2SeqCache : IDisposable
{
    /// <summary>An empty cache.</summary>
    public Seq2SeqCache(int layers) => (Self, Cross) = (new KvCache(layers), new KvCache(layers));

    private Seq2SeqCache(KvCache self, KvCache cross) => (Self, Cross) = (self, cross);

    /// <summary>The decoder's own tokens.</summary>
    public KvCache Self { get; }

    /// <summary>The encoder's tokens; filled by the first pass.</summary>
    public KvCache Cross { get; }

    /// <summary>How many tokens the decoder has seen.</summary>
    public long SeenTokens => Self.SeenTokens;

    /// <summary>The bytes of keys and values that are kept.</summary>
    public long Bytes => Self.Bytes + Cross.Bytes;

    /// <summary>Drops the decoder's newest tokens so that <paramref name="tokens"/> remain.</summary>
    public void Crop(long tokens) => Self.Crop(tokens);

    /// <summary>Picks rows of the batch: index int64 [B'].</summary>
    public void SelectRows(Tensor rows)
    {
        Self.SelectRows(rows);
        Cross.SelectRows(rows);
    }

    /// <summary>An independent copy.</summary>
    public Seq2SeqCache Clone() => new(Self.Clone(), Cross.Clone());

    /// <inheritdoc/>
    public void Dispose()
    {
        Self.Dispose();
        Cross.Dispose();
    }
}
