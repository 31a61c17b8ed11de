namespace Merganser.Tests.Weights.Spectral;

/// <summary>Singular values by one-sided rotations: slow, and a different algorithm from the one under test.</summary>
internal static class JacobiOracle
{
    public static double[] SingularValues(float[] matrix, int rows, int columns)
    {
        double[][] a = [.. Enumerable.Range(0, columns).Select(column => Enumerable.Range(0, rows).Select(row => (double)matrix[(row * columns) + column]).ToArray())];
        for (int sweep = 0; sweep < 40; sweep++)
        {
            double worst = 0;
            for (int p = 0; p < columns - 1; p++)
            {
                for (int q = p + 1; q < columns; q++)
                {
                    double alpha = Dot(a[p], a[p]), beta = Dot(a[q], a[q]), gamma = Dot(a[p], a[q]);
                    if (gamma == 0)
                        continue;
                    worst = Math.Max(worst, Math.Abs(gamma) / Math.Sqrt(alpha * beta));
                    double zeta = (beta - alpha) / (2 * gamma);
                    double t = Math.CopySign(1, zeta) / (Math.Abs(zeta) + Math.Sqrt(1 + (zeta * zeta)));
                    double c = 1 / Math.Sqrt(1 + (t * t)), s = c * t;
                    for (int i = 0; i < rows; i++)
                        (a[p][i], a[q][i]) = ((c * a[p][i]) - (s * a[q][i]), (s * a[p][i]) + (c * a[q][i]));
                }
            }

            if (worst < 1e-15)
                break;
        }

        return [.. a.Select(column => Math.Sqrt(Dot(column, column))).OrderByDescending(value => value)];
    }

    private static double Dot(double[] x, double[] y)
    {
        double sum = 0;
        for (int i = 0; i < x.Length; i++)
            sum += x[i] * y[i];
        return sum;
    }
}
