using Merganser.Weights.Spheres;

namespace Merganser.Weights.Methods;

/// <summary>
/// Riemannian centre of mass of the models' directions on the sphere (Karcher, "Riemannian center of mass and mollifier
/// smoothing", 1977), all models with equal weight, each tensor one vector: starting from the mean direction u, step along
/// <c>T = Σ a·(θᵢ/sin θᵢ)(ûᵢ − cos θᵢ u)</c> until ‖T‖ &lt; tol; the result is <c>u · mean ‖xᵢ‖</c>. The base, if any, is a model like the others.
/// </summary>
/// <remarks>
/// <c>max_iter</c> (default 10, at least 0), <c>tol</c> (default 10⁻⁵, above 0: shorter tensors have no direction but count in
/// the mean length). The mean always is a combination of the inputs, so the iteration needs only their products.
/// </remarks>
public sealed class Karcher : MergeMethod
{
    private static readonly MethodParameter MaxIterations = MethodParameter.Global("max_iter", 10, "the most steps") with { Minimum = 0, Maximum = 1e6 };
    private static readonly MethodParameter Tolerance = MethodParameter.Global("tol", 1e-5, "stop when a step is shorter; shorter tensors have no direction") with { Minimum = 0 };

    /// <inheritdoc/>
    public override string Name => "karcher";

    /// <inheritdoc/>
    public override string Summary => "two or more models with equal weight, averaged on the sphere";

    /// <inheritdoc/>
    public override string Paper => "Karcher 1977, Riemannian center of mass and mollifier smoothing";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [MaxIterations, Tolerance];

    /// <inheritdoc/>
    public override int MinModels => 2;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        int iterations = (int)tensor.Get(MaxIterations);
        double tolerance = tensor.Get(Tolerance);
        return new GramMerger(tensor.Models.Length, baseFirst: false, tensor.Rounding, gram => Factors(gram, iterations, tolerance));
    }

    private static double[] Factors(GramMatrix gram, int iterations, double tolerance)
    {
        int count = gram.Count;
        double[] norms = [.. Enumerable.Range(0, count).Select(gram.Norm)];
        int[] directed = [.. Enumerable.Range(0, count).Where(i => norms[i] > tolerance)];
        double[] mean = new double[count];
        if (directed.Length == 0)
            return mean;

        // Everything below is in factors of the inputs: unit vector i is x_i / norm_i.
        double share = 1.0 / directed.Length;
        foreach (int i in directed)
            mean[i] = share / norms[i];
        double length = gram.Norm(mean);
        if (length < tolerance)
        {
            Array.Clear(mean);
            mean[directed[0]] = 1 / norms[directed[0]];
            length = 1;
        }

        Scale(mean, 1 / length);
        double[] tangent = new double[count];
        double[] unit = new double[count];
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            Array.Clear(tangent);
            foreach (int i in directed)
            {
                Array.Clear(unit);
                unit[i] = 1 / norms[i];
                double cosine = Math.Clamp(gram.Product(mean, unit), -1, 1);
                double angle = Math.Acos(cosine);
                if (angle < tolerance)
                    continue;
                double factor = share * angle / Math.Sin(angle);
                for (int j = 0; j < count; j++)
                    tangent[j] += factor * (unit[j] - (cosine * mean[j]));
            }

            double step = gram.Norm(tangent);
            if (!(step >= tolerance))
                break;
            for (int j = 0; j < count; j++)
                mean[j] = (Math.Cos(step) * mean[j]) + (Math.Sin(step) * tangent[j] / step);
            Scale(mean, 1 / gram.Norm(mean));
        }

        Scale(mean, norms.Sum() / count);
        return mean;
    }

    private static void Scale(double[] values, double factor)
    {
        for (int i = 0; i < values.Length; i++)
            values[i] *= factor;
    }
}
