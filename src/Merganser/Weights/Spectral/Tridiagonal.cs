using System.Numerics.Tensors;

namespace Merganser.Weights.Spectral;

/// <summary>
/// Householder reduction of a symmetric matrix to a tridiagonal one, in panels: half of the work is matrix-vector products,
/// the rest matrix products. The reflectors stay in the rows of the matrix, right of the diagonal.
/// </summary>
internal sealed unsafe class Tridiagonal
{
    private const int Panel = 32;
    private readonly Matrix _matrix;
    private readonly double[] _scales;
    private readonly int _threads;

    /// <summary>Reduces <paramref name="matrix"/>, which is overwritten.</summary>
    public Tridiagonal(Matrix matrix, int threads)
    {
        _matrix = matrix;
        _threads = threads;
        int n = matrix.Rows;
        Diagonal = new double[n];
        OffDiagonal = new double[Math.Max(0, n - 1)];
        _scales = new double[n];
        var update = new Matrix(2 * Panel, n);
        var partner = new Matrix(2 * Panel, n);
        for (int first = 0; first < n; first += Panel)
            ReducePanel(first, Math.Min(Panel, n - first), update, partner);
    }

    public double[] Diagonal { get; }

    public double[] OffDiagonal { get; }

    /// <summary>Turns eigenvectors of the tridiagonal matrix (columns) into those of the original one, in place.</summary>
    public void BackTransform(Matrix vectors)
    {
        int n = _matrix.Rows;
        for (int first = (n - 1) / Panel * Panel; first >= 0; first -= Panel)
        {
            int count = Math.Min(Panel, n - 1 - first);
            int length = n - 1 - first;
            if (count <= 0)
                continue;
            var reflectors = new Matrix(count, length);
            for (int j = 0; j < count; j++)
                _matrix.Row(first + j)[(first + j + 1)..].CopyTo(reflectors.Row(j)[j..]);
            Matrix factor = Triangle(reflectors, first);
            var projected = new Matrix(count, vectors.Columns);
            var scaled = new Matrix(count, vectors.Columns);
            MatrixView part = vectors.Block(first + 1, 0, length, vectors.Columns);
            Gemm.Multiply(reflectors.View, part, projected.View, _threads);
            Gemm.Multiply(factor.View, projected.View, scaled.View, _threads);
            Gemm.Multiply(reflectors.Transposed, scaled.View, part, _threads, -1, accumulate: true);
        }
    }

    /// <summary>The triangular factor T of a block of reflectors: their product is <c>I − Vᵀ T V</c> with V by rows.</summary>
    private Matrix Triangle(Matrix reflectors, int first)
    {
        int count = reflectors.Rows;
        var factor = new Matrix(count, count);
        double[] products = new double[count];
        for (int j = 0; j < count; j++)
        {
            double scale = _scales[first + j];
            for (int i = 0; i < j; i++)
                products[i] = TensorPrimitives.Dot<double>(reflectors.Row(i), reflectors.Row(j));
            for (int i = 0; i < j; i++)
                factor[i, j] = -scale * TensorPrimitives.Dot<double>(factor.Row(i)[i..j], products.AsSpan(i, j - i));
            factor[j, j] = scale;
        }

        return factor;
    }

    private void ReducePanel(int first, int count, Matrix update, Matrix partner)
    {
        int n = _matrix.Rows;
        for (int j = 0; j < count; j++)
        {
            int g = first + j;
            Span<double> row = _matrix.Row(g)[g..];
            for (int i = 0; i < j; i++)
            {
                ReadOnlySpan<double> v = _matrix.Row(first + i);
                ReadOnlySpan<double> w = partner.Row(i);
                TensorPrimitives.MultiplyAdd(v[g..], -w[g], row, row);
                TensorPrimitives.MultiplyAdd(w[g..], -v[g], row, row);
            }

            Diagonal[g] = row[0];
            if (g == n - 1)
                return;
            Span<double> vector = row[1..];
            OffDiagonal[g] = Reflect(vector, out double scale);
            _scales[g] = scale;
            Span<double> product = partner.Row(j);
            product.Clear();
            if (scale != 0)
                TimesTrailing(g, j, first, vector, product[(g + 1)..], partner, scale);
        }

        int next = first + count;
        if (next >= n)
            return;
        for (int j = 0; j < count; j++)
        {
            ReadOnlySpan<double> v = _matrix.Row(first + j)[next..];
            ReadOnlySpan<double> w = partner.Row(j)[next..];
            v.CopyTo(update.Row(j)[next..]);
            w.CopyTo(update.Row(count + j)[next..]);
        }

        // [V W]ᵀ [W V]: the second operand holds W in its first rows already.
        for (int j = 0; j < count; j++)
            update.Row(j)[next..].CopyTo(partner.Row(count + j)[next..]);
        int size = n - next;
        Gemm.Multiply(update.Block(0, next, 2 * count, size).Transpose(), partner.Block(0, next, 2 * count, size), _matrix.Block(next, next, size, size), _threads, -1, accumulate: true);
    }

    /// <summary>w = τ(A v − corrections), then made orthogonal enough that the two-sided update is one symmetric rank-2 update.</summary>
    private void TimesTrailing(int g, int j, int first, Span<double> vector, Span<double> product, Matrix partner, double scale)
    {
        int n = _matrix.Rows;
        int size = n - g - 1;
        double* v = _matrix.Pointer + ((long)g * n) + g + 1;
        double* w = partner.Pointer + ((long)j * n) + g + 1;
        const int Chunk = 64;
        Work.Run(size < 384 ? 1 : _threads, (size + Chunk - 1) / Chunk, piece =>
        {
            int end = Math.Min(size, (piece + 1) * Chunk);
            for (int i = piece * Chunk; i < end; i++)
                w[i] = TensorPrimitives.Dot(new ReadOnlySpan<double>(_matrix.Pointer + ((long)(g + 1 + i) * n) + g + 1, size), new ReadOnlySpan<double>(v, size));
        });
        for (int i = 0; i < j; i++)
        {
            ReadOnlySpan<double> oldVector = _matrix.Row(first + i)[(g + 1)..];
            ReadOnlySpan<double> oldProduct = partner.Row(i)[(g + 1)..];
            double alongProduct = TensorPrimitives.Dot<double>(oldProduct, vector);
            double alongVector = TensorPrimitives.Dot<double>(oldVector, vector);
            TensorPrimitives.MultiplyAdd(oldVector, -alongProduct, product, product);
            TensorPrimitives.MultiplyAdd(oldProduct, -alongVector, product, product);
        }

        TensorPrimitives.Multiply(product, scale, product);
        double half = -0.5 * scale * TensorPrimitives.Dot<double>(product, vector);
        TensorPrimitives.MultiplyAdd(vector, half, product, product);
    }

    /// <summary>Overwrites x with v (first element 1) so that <c>(I − τ v vᵀ) x = β e₁</c>; returns β.</summary>
    private static double Reflect(Span<double> x, out double scale)
    {
        double head = x[0];
        double tail = TensorPrimitives.Norm<double>(x[1..]);
        if (tail == 0)
        {
            scale = 0;
            x[0] = 1;
            return head;
        }

        double beta = -Math.CopySign(Math.Sqrt((head * head) + (tail * tail)), head);
        scale = (beta - head) / beta;
        TensorPrimitives.Divide(x[1..], head - beta, x[1..]);
        x[0] = 1;
        return beta;
    }
}
