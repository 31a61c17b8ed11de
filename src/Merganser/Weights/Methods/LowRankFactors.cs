using Merganser.Weights.Spectral;

namespace Merganser.Weights.Methods;

/// <summary>A matrix as the product of two thin ones, <c>Up · Down</c>, the singular values shared evenly between them.</summary>
/// <param name="Rows">Rows of the matrix.</param>
/// <param name="Columns">Columns of the matrix.</param>
/// <param name="Rank">Inner length.</param>
/// <param name="Up"><c>U·√S</c>, row-major [rows, rank].</param>
/// <param name="Down"><c>√S·Vᵀ</c>, row-major [rank, columns].</param>
public sealed record LowRankFactors(int Rows, int Columns, int Rank, float[] Up, float[] Down)
{
    /// <summary>The number of values stored.</summary>
    public long StoredCount => Up.LongLength + Down.LongLength;

    /// <summary>The matrix itself, row-major [rows, columns].</summary>
    public float[] ToDense()
    {
        float[] dense = new float[checked(Rows * Columns)];
        AddTo(dense, 1);
        return dense;
    }

    /// <summary>Adds the matrix times a factor.</summary>
    public void AddTo(Span<float> target, float factor)
    {
        if (target.Length != (long)Rows * Columns)
            throw new ArgumentException($"{target.Length} values are no matrix of {Rows} × {Columns}", nameof(target));
        for (int row = 0; row < Rows; row++)
        {
            Span<float> line = target.Slice(row * Columns, Columns);
            for (int k = 0; k < Rank; k++)
                System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(Down.AsSpan(k * Columns, Columns), factor * Up[(row * Rank) + k], line, line);
        }
    }

    internal static LowRankFactors Of(ThinSvd svd)
    {
        int rows = svd.U.Rows, columns = svd.V.Rows, rank = svd.Rank;
        float[] up = new float[checked(rows * rank)];
        float[] down = new float[checked(rank * columns)];
        for (int k = 0; k < rank; k++)
        {
            double root = Math.Sqrt(svd.S[k]);
            for (int row = 0; row < rows; row++)
                up[(row * rank) + k] = (float)(svd.U[row, k] * root);
            for (int column = 0; column < columns; column++)
                down[(k * columns) + column] = (float)(svd.V[column, k] * root);
        }

        return new LowRankFactors(rows, columns, rank, up, down);
    }
}
