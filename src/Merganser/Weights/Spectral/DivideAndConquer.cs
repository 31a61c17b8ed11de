using System.Numerics.Tensors;

namespace Merganser.Weights.Spectral;

/// <summary>
/// Eigenvalues and eigenvectors of a symmetric tridiagonal matrix: cut in two, solve both parts, join them by a rank-one
/// correction (Cuppen; vectors from recomputed weights after Gu and Eisenstat, so that they are orthogonal without
/// reorthogonalisation). Nearly all work is matrix products.
/// </summary>
internal sealed class DivideAndConquer
{
    private const int Leaf = 32;
    private readonly double[] _values;
    private readonly double[] _offDiagonal;
    private readonly int _threads;
    private readonly Matrix _vectors;
    private readonly Matrix _gathered;
    private readonly Matrix _small;

    private DivideAndConquer(double[] diagonal, double[] offDiagonal, int threads)
    {
        int n = diagonal.Length;
        _values = diagonal;
        _offDiagonal = offDiagonal;
        _threads = threads;
        _vectors = new Matrix(n, n);
        _gathered = n > Leaf ? new Matrix(n, n) : new Matrix(1, 1);
        _small = n > Leaf ? new Matrix(n, n) : new Matrix(1, 1);
    }

    /// <summary>Solves the matrix with this diagonal (overwritten with the eigenvalues, ascending) and off-diagonal; returns the eigenvectors as columns.</summary>
    public static Matrix Solve(double[] diagonal, double[] offDiagonal, int threads)
    {
        var solver = new DivideAndConquer(diagonal, offDiagonal, threads);
        solver.Part(0, diagonal.Length);
        return solver._vectors;
    }

    private void Part(int first, int count)
    {
        if (count <= Leaf)
        {
            ImplicitQl.Solve(_values.AsSpan(first, count), _offDiagonal.AsSpan(first, Math.Max(0, count - 1)), _vectors.Block(first, first, count, count));
            return;
        }

        int half = count / 2;
        double coupling = _offDiagonal[first + half - 1];
        double rho = Math.Abs(coupling);
        _values[first + half - 1] -= rho;
        _values[first + half] -= rho;
        Part(first, half);
        Part(first + half, count - half);
        Join(first, half, count - half, rho, coupling < 0 ? -1 : 1);
    }

    private void Join(int first, int upper, int lower, double rho, double sign)
    {
        int count = upper + lower;
        double[] poles = _values.AsSpan(first, count).ToArray();
        double[] weights = new double[count];
        for (int i = 0; i < count; i++)
            weights[i] = (i < upper ? _vectors[first + upper - 1, first + i] : sign * _vectors[first + upper, first + i]) / Math.Sqrt(2);
        rho *= 2;
        int[] order = new int[count];
        for (int i = 0; i < count; i++)
            order[i] = i;
        Array.Sort((double[])poles.Clone(), order);

        // 0: upper part only, 1: both, 2: lower part only.
        int[] kind = new int[count];
        for (int i = 0; i < count; i++)
            kind[i] = i < upper ? 0 : 2;
        (List<int> kept, List<int> deflated) = Deflate(first, poles, weights, order, kind, rho);
        if (kept.Count == 0)
        {
            Reorder(first, count, poles, kept, deflated, [], 0);
            return;
        }

        int k = kept.Count;
        double[] d = new double[k];
        double[] squares = new double[k];
        for (int i = 0; i < k; i++)
        {
            d[i] = poles[kept[i]];
            squares[i] = rho * weights[kept[i]] * weights[kept[i]];
        }

        int[] origin = new int[k];
        double[] distance = new double[k];
        const int Chunk = 32;
        Work.Run(k < 256 ? 1 : _threads, (k + Chunk - 1) / Chunk, piece =>
        {
            for (int j = piece * Chunk; j < Math.Min(k, (piece + 1) * Chunk); j++)
                origin[j] = SecularEquation.Solve(d, squares, j, out distance[j]);
        });
        double[] originPole = new double[k];
        double[] values = new double[k];
        for (int j = 0; j < k; j++)
        {
            originPole[j] = d[origin[j]];
            values[j] = originPole[j] + distance[j];
        }

        // The rows of the small eigenvector matrix are grouped by kind, so that zero blocks are never multiplied.
        int[] rows = new int[k];
        int[] starts = new int[4];
        int position = 0;
        for (int group = 0; group < 3; group++)
        {
            starts[group] = position;
            for (int i = 0; i < k; i++)
            {
                if (kind[kept[i]] == group)
                    rows[position++] = i;
            }
        }

        starts[3] = position;
        SmallVectors(k, rows, d, weights, kept, originPole, distance);
        Gather(first, count, kept, rows, deflated);
        int upperKept = starts[2];
        int lowerKept = k - starts[1];
        Gemm.Multiply(_gathered.Block(first, 0, upper, upperKept), _small.Block(0, 0, upperKept, k), _vectors.Block(first, first, upper, k), _threads);
        Gemm.Multiply(_gathered.Block(first + upper, starts[1], lower, lowerKept), _small.Block(starts[1], 0, lowerKept, k), _vectors.Block(first + upper, first, lower, k), _threads);
        Reorder(first, count, poles, kept, deflated, values, k);
    }

    /// <summary>Sets aside the eigenpairs that the coupling does not change; rotates nearly equal ones so that one of the two is such.</summary>
    private (List<int> Kept, List<int> Deflated) Deflate(int first, double[] poles, double[] weights, int[] order, int[] kind, double rho)
    {
        double scale = 0;
        for (int i = 0; i < poles.Length; i++)
            scale = Math.Max(scale, Math.Max(Math.Abs(poles[i]), Math.Abs(weights[i])));
        double tolerance = 8 * 1.1e-16 * scale;
        var kept = new List<int>(poles.Length);
        var deflated = new List<int>();
        int previous = -1;
        foreach (int current in order)
        {
            if (rho * Math.Abs(weights[current]) <= tolerance)
            {
                deflated.Add(current);
                continue;
            }

            if (previous >= 0)
            {
                double s = weights[previous], c = weights[current];
                double length = Math.Sqrt((c * c) + (s * s));
                double gap = poles[current] - poles[previous];
                c /= length;
                s = -s / length;
                if (Math.Abs(gap * c * s) <= tolerance)
                {
                    weights[current] = length;
                    weights[previous] = 0;
                    if (kind[previous] != kind[current])
                        kind[previous] = kind[current] = 1;
                    Rotate(first, poles.Length, first + previous, first + current, c, s);
                    double low = (poles[previous] * c * c) + (poles[current] * s * s);
                    poles[current] = (poles[previous] * s * s) + (poles[current] * c * c);
                    poles[previous] = low;
                    deflated.Add(previous);
                    previous = current;
                    continue;
                }

                kept.Add(previous);
            }

            previous = current;
        }

        if (previous >= 0)
            kept.Add(previous);
        return (kept, deflated);
    }

    private void Rotate(int firstRow, int count, int x, int y, double c, double s)
    {
        for (int row = firstRow; row < firstRow + count; row++)
        {
            double a = _vectors[row, x], b = _vectors[row, y];
            _vectors[row, x] = (c * a) + (s * b);
            _vectors[row, y] = (c * b) - (s * a);
        }
    }

    /// <summary>Eigenvectors of the deflated diagonal-plus-rank-one matrix, from the weights that make the computed roots exact.</summary>
    private void SmallVectors(int k, int[] rows, double[] d, double[] weights, List<int> kept, double[] originPole, double[] distance)
    {
        const int Chunk = 16;
        int pieces = (k + Chunk - 1) / Chunk;
        double[][] norms = new double[pieces][];
        Work.Run(k < 256 ? 1 : _threads, pieces, piece =>
        {
            double[] ratio = new double[k];
            double[] norm = norms[piece] = new double[k];
            for (int r = piece * Chunk; r < Math.Min(k, (piece + 1) * Chunk); r++)
            {
                int i = rows[r];
                Span<double> gaps = _small.Row(r)[..k];
                TensorPrimitives.Subtract(d[i], originPole, gaps);
                TensorPrimitives.Subtract(gaps, distance, gaps);
                TensorPrimitives.Subtract(d[i], d, ratio);
                ratio[i] = -1;
                TensorPrimitives.Divide(gaps, ratio, ratio);
                double square = TensorPrimitives.Product<double>(ratio);
                double weight = Math.CopySign(Math.Sqrt(Math.Max(0, square)), weights[kept[i]]);
                TensorPrimitives.Divide(weight, gaps, gaps);
                TensorPrimitives.MultiplyAdd(gaps, gaps, norm, norm);
            }
        });
        double[] total = new double[k];
        foreach (double[] norm in norms)
            TensorPrimitives.Add(total, norm, total);
        for (int j = 0; j < k; j++)
            total[j] = 1 / Math.Sqrt(total[j]);
        for (int r = 0; r < k; r++)
            TensorPrimitives.Multiply(_small.Row(r)[..k], total, _small.Row(r)[..k]);
    }

    private void Gather(int first, int count, List<int> kept, int[] rows, List<int> deflated)
    {
        int k = rows.Length;
        for (int row = first; row < first + count; row++)
        {
            ReadOnlySpan<double> from = _vectors.Row(row)[first..];
            Span<double> to = _gathered.Row(row);
            for (int r = 0; r < k; r++)
                to[r] = from[kept[rows[r]]];
            for (int r = 0; r < deflated.Count; r++)
                to[k + r] = from[deflated[r]];
        }
    }

    /// <summary>Sorts the new pairs and the deflated ones together.</summary>
    private void Reorder(int first, int count, double[] poles, List<int> kept, List<int> deflated, double[] values, int k)
    {
        if (k == 0)
            Gather(first, count, kept, [], deflated);
        double[] all = new double[count];
        values.CopyTo(all, 0);
        for (int i = 0; i < deflated.Count; i++)
            all[k + i] = poles[deflated[i]];
        int[] order = new int[count];
        for (int i = 0; i < count; i++)
            order[i] = i;
        Array.Sort(all, order);
        all.CopyTo(_values, first);
        double[] buffer = new double[count];
        for (int row = first; row < first + count; row++)
        {
            Span<double> target = _vectors.Row(row).Slice(first, count);
            ReadOnlySpan<double> old = _gathered.Row(row);
            for (int i = 0; i < count; i++)
                buffer[i] = order[i] < k ? target[order[i]] : old[order[i]];
            buffer.CopyTo(target);
        }
    }
}
