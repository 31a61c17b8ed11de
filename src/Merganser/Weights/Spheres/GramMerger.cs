using System.Numerics.Tensors;
using Merganser.Weights.Execution;

namespace Merganser.Weights.Spheres;

/// <summary>All products of the vectors that are merged: <c>Gᵢⱼ = xᵢ·xⱼ</c>, in double.</summary>
internal sealed class GramMatrix(int count)
{
    private readonly double[] _products = new double[count * count];

    public int Count => count;

    public double this[int i, int j] => _products[(Math.Max(i, j) * count) + Math.Min(i, j)];

    /// <summary>The length of vector i.</summary>
    public double Norm(int i) => Math.Sqrt(this[i, i]);

    /// <summary><c>(Σ pᵢ xᵢ)·(Σ qᵢ xᵢ)</c>.</summary>
    public double Product(ReadOnlySpan<double> p, ReadOnlySpan<double> q)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < count; j++)
                sum += p[i] * q[j] * this[i, j];
        }

        return sum;
    }

    /// <summary>The length of <c>Σ pᵢ xᵢ</c>.</summary>
    public double Norm(ReadOnlySpan<double> p) => Math.Sqrt(Math.Max(0, Product(p, p)));

    public void Clear() => Array.Clear(_products);

    /// <summary>Adds the products of vectors i and j over some elements.</summary>
    public void Add(int i, int j, ReadOnlySpan<float> x, ReadOnlySpan<float> y) => Set(i, j, this[i, j] + Reductions.Dot(x, y));

    /// <summary>Replaces the product of vectors i and j.</summary>
    public void Set(int i, int j, double product) => _products[(Math.Max(i, j) * count) + Math.Min(i, j)] = product;
}

/// <summary>
/// Merges by a linear combination whose factors follow from the angles and lengths of whole tensors: one scan gathers the
/// Gram matrix, the method turns it into factors, and the elements are combined in a second pass. With a base the vectors
/// are the differences from it and the base is added to the result.
/// </summary>
/// <param name="count">The number of vectors.</param>
/// <param name="baseFirst">True to take the base as vector 0 in front of the models, false to subtract it when there is one.</param>
/// <param name="rounding">The arithmetic; the result is rounded once.</param>
/// <param name="solve">From Gram matrix to factors.</param>
internal sealed class GramMerger(int count, bool baseFirst, Rounding rounding, Func<GramMatrix, double[]> solve) : TensorMerger, IBFloat16Merger
{
    private readonly GramMatrix _gram = new(count);
    private float[]? _factors;
    private bool _scanned;

    public override ScanRequest NextScan()
    {
        if (!_scanned)
        {
            _scanned = true;
            return ScanRequest.Full;
        }

        _factors ??= [.. solve(_gram).Select(factor => (float)factor)];
        return ScanRequest.None;
    }

    public override void Scan(in Tile tile)
    {
        Subtract(tile);
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j <= i; j++)
                _gram.Add(i, j, Vector(tile, i), Vector(tile, j));
        }
    }

    public override void Apply(in Tile tile)
    {
        Subtract(tile);
        Span<float> output = tile.Output;
        TensorPrimitives.Multiply(Vector(tile, 0), _factors![0], output);
        for (int i = 1; i < count; i++)
            TensorPrimitives.MultiplyAdd(Vector(tile, i), _factors[i], output, output);
        if (!baseFirst && !tile.Base.IsEmpty)
            TensorPrimitives.Add(output, tile.Base, output);
        rounding.Apply(output);
    }

    public bool ReadsAgain => true;

    public bool TryApply(in BFloat16Tile tile)
    {
        if (rounding.IsNarrow || count != 2)
            return false;
        if (baseFirst)
            return tile.Run(new WeightedBase(_factors![0], _factors[1]));
        return !tile.HasBase && tile.Run(new WeightedSum(_factors![0], _factors[1]));
    }

    public bool TryScan(in BFloat16Tile tile)
    {
        // Exact sums where rounding is imitated bit by bit.
        if (rounding.IsNarrow || count != 2 || (!baseFirst && tile.HasBase))
            return false;
        double aa = _gram[0, 0], ab = _gram[1, 0], bb = _gram[1, 1];
        if (!tile.AddProducts(ref aa, ref ab, ref bb))
            return false;
        _gram.Set(0, 0, aa);
        _gram.Set(1, 0, ab);
        _gram.Set(1, 1, bb);
        return true;
    }

    private Span<float> Vector(in Tile tile, int index) => !baseFirst ? tile.Model(index) : index == 0 ? tile.Base : tile.Model(index - 1);

    private void Subtract(in Tile tile)
    {
        if (baseFirst || tile.Base.IsEmpty)
            return;
        for (int i = 0; i < count; i++)
            TensorPrimitives.Subtract(tile.Model(i), tile.Base, tile.Model(i));
    }
}
