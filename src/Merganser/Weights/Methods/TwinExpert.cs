using System.Collections.Immutable;
using System.Numerics.Tensors;
using Merganser.Weights.Spectral;

namespace Merganser.Weights.Methods;

/// <summary>How Twin-Merging compresses what is special to one task.</summary>
public enum TwinCompression
{
    /// <summary>Leading singular triplets.</summary>
    Svd,

    /// <summary>The largest magnitudes.</summary>
    Magnitude,

    /// <summary>A random choice, multiplied by 1/density.</summary>
    Bernoulli,
}

/// <summary>
/// The part of one tensor that is special to one task ("exclusive vector") of Twin-Merging, arXiv 2406.15479: θᵢ − θs, compressed. As factors when compression
/// is by singular values, dense otherwise.
/// </summary>
/// <param name="Shape">The tensor's shape.</param>
/// <param name="Factors">The factors of the matrix [dim0, rest]; null when the part is dense.</param>
/// <param name="Dense">The dense values; null when there are factors.</param>
public sealed record TwinExpert(ImmutableArray<long> Shape, LowRankFactors? Factors, float[]? Dense)
{
    /// <summary>The number of values that must be stored, zeros of dense parts left out.</summary>
    public long StoredCount => Factors?.StoredCount ?? Dense!.LongLength - Dense.LongCount(value => value == 0);

    /// <summary>
    /// Compresses a difference. One axis or none: kept whole. <see cref="TwinCompression.Svd"/>: k = ⌊density·min(m, n)⌋ triplets of the matrix
    /// [dim0, rest] (k = 0 gives zeros). The others keep ⌊density·count⌋ entries, or each with probability density. Density ≥ 1 keeps everything, ≤ 0 nothing.
    /// </summary>
    /// <param name="difference">θᵢ − θs.</param>
    /// <param name="shape">The tensor's shape.</param>
    /// <param name="density">The share kept.</param>
    /// <param name="compression">How.</param>
    /// <param name="seed">Seed of the random choice.</param>
    /// <param name="threads">Threads of the decomposition; the result does not depend on it.</param>
    public static TwinExpert Compress(
        ReadOnlySpan<float> difference, ImmutableArray<long> shape, double density, TwinCompression compression = TwinCompression.Svd, ulong seed = 0, int threads = 1)
    {
        if (shape.Length < 2 || density >= 1 || difference.IsEmpty)
            return new TwinExpert(shape, null, difference.ToArray());
        int rows = checked((int)shape[0]);
        int columns = difference.Length / rows;
        if (compression == TwinCompression.Svd)
        {
            int rank = (int)(Math.Max(0, density) * Math.Min(rows, columns));
            return new TwinExpert(shape, LowRankFactors.Of(SpectralKit.Svd(difference, rows, columns, rank, threads)), null);
        }

        float[] dense = difference.ToArray();
        if (density <= 0)
            Array.Clear(dense);
        else if (compression == TwinCompression.Magnitude)
            KeepLargest(dense, (int)(density * dense.Length));
        else
            KeepRandom(dense, density, seed);
        return new TwinExpert(shape, null, dense);
    }

    /// <summary>Adds the part times a router weight.</summary>
    public void AddTo(Span<float> target, float weight)
    {
        if (Factors is { } factors)
            factors.AddTo(target, weight);
        else
            TensorPrimitives.MultiplyAdd(Dense, weight, target, target);
    }

    /// <summary>Stable: of equal magnitudes those with the lower index stay.</summary>
    private static void KeepLargest(float[] values, int count)
    {
        if (count == 0)
        {
            Array.Clear(values);
            return;
        }

        int[] keys = new int[values.Length];
        for (int i = 0; i < keys.Length; i++)
            keys[i] = BitConverter.SingleToInt32Bits(values[i]) & int.MaxValue;
        int[] order = [.. Enumerable.Range(0, keys.Length)];
        Array.Sort(order, (a, b) => keys[a] != keys[b] ? keys[b].CompareTo(keys[a]) : a.CompareTo(b));
        foreach (int index in order.AsSpan(count))
            values[index] = 0;
    }

    private static void KeepRandom(float[] values, double density, ulong seed)
    {
        float scale = (float)(1 / density);
        for (int i = 0; i < values.Length; i++)
            values[i] = GaussianNoise.Uniform(seed, (ulong)i) <= density ? values[i] * scale : 0;
    }
}
