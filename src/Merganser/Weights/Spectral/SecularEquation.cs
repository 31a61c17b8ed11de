using System.Numerics;

namespace Merganser.Weights.Spectral;

/// <summary>
/// Roots of <c>1 + ρ Σ zᵢ²/(dᵢ − λ) = 0</c> with ascending poles dᵢ and ρ &gt; 0: the eigenvalues of <c>diag(d) + ρ z zᵀ</c>.
/// A root is given as its distance from the nearest pole, which keeps all differences <c>dᵢ − λ</c> accurate to the last digits.
/// </summary>
internal static class SecularEquation
{
    private const int MaxIterations = 200;

    /// <summary>Finds the root right of pole <paramref name="index"/>.</summary>
    /// <param name="poles">The poles d, ascending.</param>
    /// <param name="squares">ρ z².</param>
    /// <param name="index">Which root.</param>
    /// <param name="distance">λ minus the pole at the returned index.</param>
    /// <returns>The index of the pole from which the distance counts.</returns>
    public static int Solve(ReadOnlySpan<double> poles, ReadOnlySpan<double> squares, int index, out double distance)
    {
        int count = poles.Length;
        bool last = index == count - 1;
        double width;
        if (last)
        {
            width = 0;
            foreach (double square in squares)
                width += square;
        }
        else
        {
            width = poles[index + 1] - poles[index];
        }

        // Which pole is nearer? The function rises from −∞ to +∞ between two poles.
        int origin = index;
        double low = 0, high = width;
        Sums middle = Evaluate(poles, squares, index, poles[index], width / 2);
        if (!last && middle.Value < 0)
        {
            origin = index + 1;
            low = -width / 2;
            high = 0;
        }
        else if (middle.Value < 0)
        {
            low = width / 2;
        }
        else
        {
            high = width / 2;
        }

        double start = poles[origin];
        double mu = origin == index ? (middle.Value < 0 ? Halve(low, high) : high) : low;
        int left = last ? Math.Max(0, index - 1) : index;
        double tolerance = double.Epsilon + (Math.Max(8, count) * 1.1e-16);
        for (int iteration = 0; iteration < MaxIterations; iteration++)
        {
            Sums at = Evaluate(poles, squares, left, start, mu);
            if (Math.Abs(at.Value) <= tolerance * (1 + Math.Abs(at.Left) + Math.Abs(at.Right)))
                break;
            if (at.Value < 0)
                low = Math.Max(low, mu);
            else
                high = Math.Min(high, mu);
            double next = count == 1 ? double.NaN : mu + Step(poles, start, left, mu, at, last);
            if (!(next > low && next < high))
                next = Halve(low, high);
            if (next == mu || !(next > low && next < high))
                break;
            mu = next;
        }

        distance = mu;
        return origin;
    }

    /// <summary>The step to the root of the interpolant with the two poles beside the root and the same values and slopes.</summary>
    private static double Step(ReadOnlySpan<double> poles, double start, int left, double mu, Sums at, bool last)
    {
        double first = poles[left] - start - mu;
        double second = poles[left + 1] - start - mu;
        double c = at.Value - (first * at.LeftSlope) - (second * at.RightSlope);
        double a = ((first + second) * at.Value) - (first * second * (at.LeftSlope + at.RightSlope));
        double b = first * second * at.Value;
        double root = Math.Sqrt(Math.Abs((a * a) - (4 * b * c)));
        double step;
        if (last)
            step = a >= 0 ? (a + root) / (2 * c) : 2 * b / (a - root);
        else
            step = a <= 0 ? (a - root) / (2 * c) : 2 * b / (a + root);
        return at.Value * step >= 0 ? -at.Value / (at.LeftSlope + at.RightSlope) : step;
    }

    /// <summary>Between two bounds of one sign: in the middle on a logarithmic scale while they are far apart.</summary>
    private static double Halve(double low, double high)
    {
        if (low >= 0)
            return low == 0 ? high * 1e-3 : high > 4 * low ? Math.Sqrt(low) * Math.Sqrt(high) : 0.5 * (low + high);
        return high == 0 ? low * 1e-3 : low < 4 * high ? -(Math.Sqrt(-low) * Math.Sqrt(-high)) : 0.5 * (low + high);
    }

    private static Sums Evaluate(ReadOnlySpan<double> poles, ReadOnlySpan<double> squares, int left, double start, double mu)
    {
        (double leftSum, double leftSlope) = Sum(poles[..(left + 1)], squares[..(left + 1)], start, mu);
        (double rightSum, double rightSlope) = Sum(poles[(left + 1)..], squares[(left + 1)..], start, mu);
        return new Sums(leftSum, leftSlope, rightSum, rightSlope);
    }

    private static (double Sum, double Slope) Sum(ReadOnlySpan<double> poles, ReadOnlySpan<double> squares, double start, double mu)
    {
        Vector<double> sums = default, slopes = default, starts = new(start), offset = new(mu);
        int i = 0;
        for (; i <= poles.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            Vector<double> gap = new Vector<double>(poles[i..]) - starts - offset;
            Vector<double> term = new Vector<double>(squares[i..]) / gap;
            sums += term;
            slopes += term / gap;
        }

        double sum = Vector.Sum(sums), slope = Vector.Sum(slopes);
        for (; i < poles.Length; i++)
        {
            double gap = poles[i] - start - mu;
            double term = squares[i] / gap;
            sum += term;
            slope += term / gap;
        }

        return (sum, slope);
    }

    private readonly record struct Sums(double Left, double LeftSlope, double Right, double RightSlope)
    {
        public double Value => 1 + Left + Right;
    }
}
