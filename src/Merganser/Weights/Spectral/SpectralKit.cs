using System.Numerics.Tensors;

namespace Merganser.Weights.Spectral;

/// <summary>
/// Singular value decompositions and what is made of them. All arithmetic is double; results do not depend on the number of
/// threads. The exact decomposition goes through the Gram matrix of the smaller side; triplets below 10⁻⁴ of the largest
/// value are decomposed again after the larger ones are projected out, so that small singular vectors are as orthogonal as
/// large ones.
/// </summary>
internal static unsafe class SpectralKit
{
    private const double Trusted = 1e-4;
    private const double Negligible = 1e-13;

    /// <summary>The exact decomposition of a row-major matrix, truncated to <paramref name="rank"/> triplets (default all).</summary>
    public static ThinSvd Svd(ReadOnlySpan<float> matrix, int rows, int columns, int rank = int.MaxValue, int threads = 1)
    {
        Check(matrix.Length, rows, columns);
        fixed (float* data = matrix)
            return Svd(MatrixView.OfSingles(data, rows, columns), rank, threads);
    }

    /// <summary>The exact decomposition of a matrix of doubles.</summary>
    public static ThinSvd Svd(Matrix matrix, int rank = int.MaxValue, int threads = 1) => Svd(matrix.View, rank, threads);

    /// <summary>
    /// The leading triplets from a random projection (10 more columns than <paramref name="rank"/>, 2 power iterations with
    /// re-orthonormalisation). Good when the values fall off or when only the leading part matters; not exact on flat spectra.
    /// </summary>
    public static ThinSvd RandomizedSvd(ReadOnlySpan<float> matrix, int rows, int columns, int rank, ulong seed, int threads = 1)
    {
        Check(matrix.Length, rows, columns);
        fixed (float* data = matrix)
            return RandomizedSvd(MatrixView.OfSingles(data, rows, columns), rank, seed, threads);
    }

    /// <summary>
    /// The nearest matrix with orthonormal columns (or rows, if there are more columns than rows): <c>U = P D Qᵀ → P Qᵀ</c>.
    /// Directions with singular values below 10⁻⁶ of the largest are dropped; <paramref name="dropped"/> counts them.
    /// </summary>
    public static Matrix Polar(Matrix matrix, out int dropped, int threads = 1)
    {
        ThinSvd svd = Svd(matrix.View, int.MaxValue, threads);
        int rank = 0;
        while (rank < svd.Rank && svd.S[rank] > 1e-6 * svd.S[0])
            rank++;
        dropped = svd.Rank - rank;
        var polar = new Matrix(matrix.Rows, matrix.Columns);
        Gemm.Multiply(svd.U.Block(0, 0, matrix.Rows, rank), svd.V.Block(0, 0, matrix.Columns, rank).Transpose(), polar.View, threads);
        return polar;
    }

    /// <summary>Eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix, which is overwritten; only the largest <paramref name="count"/> vectors are formed.</summary>
    public static (double[] Values, Matrix Vectors) SymmetricEigen(Matrix matrix, int count = int.MaxValue, int threads = 1)
    {
        double scale = TensorPrimitives.MaxMagnitude<double>(matrix.Data);
        scale = double.IsFinite(scale) ? Math.Abs(scale) : throw new ArgumentException("the matrix holds values that are not finite", nameof(matrix));
        if (scale == 0)
            scale = 1;
        TensorPrimitives.Divide(matrix.Data, scale, matrix.Data);
        var reduced = new Tridiagonal(matrix, threads);
        double[] values = reduced.Diagonal;
        Matrix vectors = DivideAndConquer.Solve(values, reduced.OffDiagonal, threads);
        if (count < values.Length)
        {
            var leading = new Matrix(matrix.Rows, count);
            for (int row = 0; row < matrix.Rows; row++)
                vectors.Row(row)[^count..].CopyTo(leading.Row(row));
            vectors = leading;
        }

        reduced.BackTransform(vectors);
        TensorPrimitives.Multiply(values, scale, values);
        return (values, vectors);
    }

    internal static ThinSvd Svd(MatrixView a, int rank, int threads)
    {
        if (a.Rows < a.Columns)
        {
            ThinSvd turned = Svd(a.Transpose(), rank, threads);
            return new ThinSvd(turned.V, turned.S, turned.U);
        }

        rank = Math.Min(rank, a.Columns);
        if (rank == 0)
            return new ThinSvd(new Matrix(a.Rows, 0), [], new Matrix(a.Columns, 0));
        (double[] values, Matrix ascending) = SymmetricEigen(Gemm.Gram(a, threads), rank, threads);
        var right = new Matrix(a.Columns, rank);
        for (int row = 0; row < a.Columns; row++)
        {
            ascending.Row(row).CopyTo(right.Row(row));
            right.Row(row).Reverse();
        }

        var left = new Matrix(a.Rows, rank);
        Gemm.Multiply(a, right.View, left.View, threads);
        double[] singular = ColumnNorms(left);
        double largest = Math.Sqrt(Math.Max(0, values[^1]));
        int trusted = 0;
        while (trusted < rank && singular[trusted] > Trusted * largest)
            trusted++;
        Normalise(left, singular, trusted);
        if (trusted < rank)
            RefineTail(left, right, singular, trusted, largest, threads);
        return Sorted(new ThinSvd(left, singular, right));
    }

    internal static ThinSvd RandomizedSvd(MatrixView a, int rank, ulong seed, int threads)
    {
        int size = Math.Min(rank + 10, Math.Min(a.Rows, a.Columns));
        var random = new Matrix(a.Columns, size);
        GaussianNoise.Fill(random.Data, seed);
        var sample = new Matrix(a.Rows, size);
        var back = new Matrix(a.Columns, size);
        Gemm.Multiply(a, random.View, sample.View, threads);
        for (int iteration = 0; iteration < 2; iteration++)
        {
            Orthonormalise(sample, threads);
            Gemm.Multiply(a.Transpose(), sample.View, back.View, threads);
            Orthonormalise(back, threads);
            Gemm.Multiply(a, back.View, sample.View, threads);
        }

        Orthonormalise(sample, threads);
        var projected = new Matrix(size, a.Columns);
        Gemm.Multiply(sample.Transposed, a, projected.View, threads);
        ThinSvd small = Svd(projected.View, rank, threads);
        var left = new Matrix(a.Rows, small.Rank);
        Gemm.Multiply(sample.View, small.U.View, left.View, threads);
        return new ThinSvd(left, small.S, small.V);
    }

    /// <summary>Makes the columns orthonormal (twice, for full accuracy); directions without substance become zero.</summary>
    private static void Orthonormalise(Matrix matrix, int threads)
    {
        for (int pass = 0; pass < 2; pass++)
        {
            (double[] values, Matrix vectors) = SymmetricEigen(Gemm.Gram(matrix.View, threads), int.MaxValue, threads);
            double[] factors = new double[values.Length];
            for (int i = 0; i < values.Length; i++)
                factors[i] = values[i] > 1e-13 * values[^1] && values[i] > 0 ? 1 / Math.Sqrt(values[i]) : 0;
            vectors.ScaleColumns(factors);
            var result = new Matrix(matrix.Rows, matrix.Columns);
            Gemm.Multiply(matrix.View, vectors.View, result.View, threads);
            result.Data.CopyTo(matrix.Data, 0);
        }
    }

    /// <summary>Decomposes what is left of the small triplets after the larger left vectors are projected out.</summary>
    private static void RefineTail(Matrix left, Matrix right, double[] singular, int trusted, double largest, int threads)
    {
        int rows = left.Rows, tail = singular.Length - trusted;
        var rest = new Matrix(rows, tail);
        for (int row = 0; row < rows; row++)
            left.Row(row)[trusted..].CopyTo(rest.Row(row));
        var along = new Matrix(Math.Max(1, trusted), tail);
        for (int pass = 0; pass < 2 && trusted > 0; pass++)
        {
            Gemm.Multiply(left.Block(0, 0, rows, trusted).Transpose(), rest.View, along.View, threads);
            Gemm.Multiply(left.Block(0, 0, rows, trusted), along.View, rest.View, threads, -1, accumulate: true);
        }

        double[] norms = ColumnNorms(rest);
        bool anything = largest > 0 && TensorPrimitives.Max<double>(norms) > Negligible * largest;
        ThinSvd? inner = anything ? Svd(rest.View, tail, threads) : null;
        if (inner is not null)
        {
            var turned = new Matrix(right.Rows, tail);
            Gemm.Multiply(right.Block(0, trusted, right.Rows, tail), inner.V.View, turned.View, threads);
            for (int row = 0; row < right.Rows; row++)
                turned.Row(row).CopyTo(right.Row(row)[trusted..]);
        }

        for (int j = 0; j < tail; j++)
            singular[trusted + j] = inner is not null && inner.S[j] > Negligible * largest ? inner.S[j] : 0;
        for (int row = 0; row < rows; row++)
        {
            for (int j = 0; j < tail; j++)
                left[row, trusted + j] = singular[trusted + j] > 0 ? inner!.U[row, j] : 0;
        }

        for (int row = 0; row < right.Rows; row++)
        {
            for (int j = 0; j < tail; j++)
                right[row, trusted + j] = singular[trusted + j] > 0 ? right[row, trusted + j] : 0;
        }
    }

    private static double[] ColumnNorms(Matrix matrix)
    {
        double[] norms = new double[matrix.Columns];
        for (int row = 0; row < matrix.Rows; row++)
            TensorPrimitives.MultiplyAdd(matrix.Row(row), matrix.Row(row), norms, norms);
        TensorPrimitives.Sqrt(norms, norms);
        return norms;
    }

    private static void Normalise(Matrix matrix, double[] norms, int count)
    {
        double[] factors = new double[norms.Length];
        Array.Fill(factors, 1);
        for (int i = 0; i < count; i++)
            factors[i] = 1 / norms[i];
        matrix.ScaleColumns(factors);
    }

    /// <summary>Norms of products may come out of order in the last digits.</summary>
    private static ThinSvd Sorted(ThinSvd svd)
    {
        int[] order = [.. Enumerable.Range(0, svd.Rank).OrderByDescending(i => svd.S[i])];
        if (order.Zip(order.Skip(1)).All(pair => pair.First < pair.Second))
            return svd;
        return new ThinSvd(Permute(svd.U, order), [.. order.Select(i => svd.S[i])], Permute(svd.V, order));
    }

    private static Matrix Permute(Matrix matrix, int[] order)
    {
        var result = new Matrix(matrix.Rows, matrix.Columns);
        for (int row = 0; row < matrix.Rows; row++)
        {
            for (int j = 0; j < order.Length; j++)
                result[row, j] = matrix[row, order[j]];
        }

        return result;
    }

    private static void Check(int length, int rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        if (length != (long)rows * columns)
            throw new ArgumentException($"{length} values are no matrix of {rows} × {columns}");
    }
}
