using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// The relative positions of T5 (arXiv 1910.10683): the score of a query and a key gets the entry of a learned table [buckets, H] for the
/// bucket of ρ = key − query. Half of the buckets hold one distance each, the rest grow logarithmically up to a largest distance; everything
/// farther shares the last. In both directions each sign has half of the buckets; causally a key behind the query falls into bucket 0.
/// </summary>
internal sealed class RelativePositionBias(ModelParameter table, bool bothDirections, int buckets, int maxDistance)
{
    /// <summary>The bias [B, H, T, S] of query positions [B, T] and key positions [B, S].</summary>
    public Tensor Between(Tensor queries, Tensor keys)
    {
        Tensor bucket = Bucket(keys.unsqueeze(-2) - queries.unsqueeze(-1), bothDirections, buckets, maxDistance);
        Tensor rows = table.Value.index_select(0, bucket.reshape(-1));
        return rows.view([.. bucket.shape, table.Shape[1]]).permute(0, 3, 1, 2);
    }

    /// <summary>The bias [1, H, T, T] of tokens at 0…T−1: one row per distance, laid along the diagonals.</summary>
    public Tensor Square(long tokens)
    {
        Tensor distances = arange(1 - tokens, tokens, ScalarType.Int64, table.Value.device);
        Tensor row = table.Value.index_select(0, Bucket(distances, bothDirections, buckets, maxDistance)).t().contiguous();
        // Window w begins at the distance w − (T − 1), which belongs to query T − 1 − w.
        return row.unfold(1, tokens, 1).flip(1).unsqueeze(0);
    }

    /// <summary>The buckets of relative positions, int64 of any shape.</summary>
    public static Tensor Bucket(Tensor relative, bool bothDirections, int buckets, int maxDistance)
    {
        int available = bothDirections ? buckets / 2 : buckets, exact = available / 2;
        Tensor distance = bothDirections ? relative.abs() : relative.neg().clamp_min(0);
        Tensor ratio = distance.clamp_min(1).to(ScalarType.Float32) / exact;
        Tensor far = (ratio.log() / Math.Log((double)maxDistance / exact) * (available - exact)).to(ScalarType.Int64) + exact;
        Tensor bucket = where(distance.lt(exact), distance, far.clamp(max: available - 1));
        return bothDirections ? bucket + (relative.gt(0).to(ScalarType.Int64) * available) : bucket;
    }
}
