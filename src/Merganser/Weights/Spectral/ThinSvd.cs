namespace Merganser.Weights.Spectral;

/// <summary>
/// <c>A ≈ U diag(S) Vᵀ</c> with the singular values in descending order. Vectors that belong to a singular value of 0
/// (beyond the numerical rank) are zero vectors: whoever needs a full basis must complete it.
/// </summary>
/// <param name="U">Left singular vectors as columns, [rows, rank].</param>
/// <param name="S">Singular values.</param>
/// <param name="V">Right singular vectors as columns, [columns, rank].</param>
internal sealed record ThinSvd(Matrix U, double[] S, Matrix V)
{
    /// <summary>The number of triplets held.</summary>
    public int Rank => S.Length;

    /// <summary>The leading <paramref name="rank"/> triplets.</summary>
    public ThinSvd Truncate(int rank) => rank >= Rank ? this : new ThinSvd(U.Leading(rank), S[..rank], V.Leading(rank));

    /// <summary><c>U diag(S) Vᵀ</c>, row-major [rows, columns].</summary>
    public Matrix Product(int threads)
    {
        Matrix scaled = U.Leading(Rank);
        scaled.ScaleColumns(S);
        var product = new Matrix(U.Rows, V.Rows);
        Gemm.Multiply(scaled.View, V.Transposed, product.View, threads);
        return product;
    }
}
