namespace Merganser.Weights.Spectral;

/// <summary>Implicit QL iteration for a small symmetric tridiagonal matrix; the eigenvalues come out in ascending order.</summary>
internal static unsafe class ImplicitQl
{
    private const int MaxSweeps = 60;

    public static void Solve(Span<double> diagonal, ReadOnlySpan<double> offDiagonal, MatrixView vectors)
    {
        int n = diagonal.Length;
        Span<double> e = new double[n];
        offDiagonal.CopyTo(e);
        for (int row = 0; row < n; row++)
        {
            for (int column = 0; column < n; column++)
                At(vectors, row, column) = row == column ? 1 : 0;
        }

        for (int l = 0; l < n; l++)
        {
            for (int sweep = 0; ; sweep++)
            {
                int m = l;
                while (m < n - 1 && Math.Abs(e[m]) > 1.1e-16 * (Math.Abs(diagonal[m]) + Math.Abs(diagonal[m + 1])) && Math.Abs(e[m]) > 1e-290)
                    m++;
                if (m == l)
                    break;
                if (sweep == MaxSweeps)
                    throw new InvalidOperationException("the eigenvalue iteration does not converge; the matrix holds values that are not finite");
                Sweep(diagonal, e, vectors, l, m);
            }
        }

        // Insertion sort, columns along.
        for (int i = 0; i < n - 1; i++)
        {
            int smallest = i;
            for (int j = i + 1; j < n; j++)
                smallest = diagonal[j] < diagonal[smallest] ? j : smallest;
            if (smallest == i)
                continue;
            (diagonal[i], diagonal[smallest]) = (diagonal[smallest], diagonal[i]);
            for (int row = 0; row < n; row++)
                (At(vectors, row, i), At(vectors, row, smallest)) = (At(vectors, row, smallest), At(vectors, row, i));
        }
    }

    private static void Sweep(Span<double> d, Span<double> e, MatrixView vectors, int l, int m)
    {
        double g = (d[l + 1] - d[l]) / (2 * e[l]);
        double r = Hypotenuse(g, 1);
        g = d[m] - d[l] + (e[l] / (g + Math.CopySign(r, g)));
        double s = 1, c = 1, p = 0;
        for (int i = m - 1; i >= l; i--)
        {
            double f = s * e[i];
            double b = c * e[i];
            r = Hypotenuse(f, g);
            e[i + 1] = r;
            if (r == 0)
            {
                d[i + 1] -= p;
                e[m] = 0;
                return;
            }

            s = f / r;
            c = g / r;
            g = d[i + 1] - p;
            r = ((d[i] - g) * s) + (2 * c * b);
            p = s * r;
            d[i + 1] = g + p;
            g = (c * r) - b;
            for (int row = 0; row < vectors.Rows; row++)
            {
                double high = At(vectors, row, i + 1);
                double low = At(vectors, row, i);
                At(vectors, row, i + 1) = (s * low) + (c * high);
                At(vectors, row, i) = (c * low) - (s * high);
            }
        }

        d[l] -= p;
        e[l] = g;
        e[m] = 0;
    }

    private static double Hypotenuse(double a, double b) => Math.Sqrt((a * a) + (b * b));

    private static ref double At(MatrixView view, int row, int column) => ref view.Doubles[((long)row * view.RowStride) + column];
}
