using Merganser.Weights.Spheres;

namespace Merganser.Weights.Methods;

/// <summary>
/// Spherical linear interpolation of two models (Shoemake, "Animating rotation with quaternion curves", 1985), each tensor
/// taken as one vector: with θ the angle between base a and model b,
/// <c>θ* = sin((1−t)θ)/sin θ · a + sin(tθ)/sin θ · b</c>; nearly parallel tensors (|cos θ| &gt; 0.9995) are interpolated linearly.
/// </summary>
/// <remarks>
/// <c>t</c> must be set: 0 gives the base, 1 the other model; values outside [0, 1] extrapolate. Angles are found in double
/// precision; the threshold compares the cosine rounded to float32, as mergekit does.
/// </remarks>
public sealed class Slerp : MergeMethod
{
    private const float NearlyParallel = 0.9995f;

    private static readonly MethodParameter T = MethodParameter.Global("t", null, "position between the base (0) and the other model (1)");

    /// <inheritdoc/>
    public override string Name => "slerp";

    /// <inheritdoc/>
    public override string Summary => "two models, interpolated along the arc between them";

    /// <inheritdoc/>
    public override string Paper => "Shoemake 1985, Animating rotation with quaternion curves";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [T];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override int MaxModels => 1;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        double t = tensor.Get(T);
        return new GramMerger(2, baseFirst: true, tensor.Rounding, gram => Factors(gram, t));
    }

    private static double[] Factors(GramMatrix gram, double t)
    {
        double cosine = gram[0, 1] / (Length(gram.Norm(0)) * Length(gram.Norm(1)));
        if (Math.Abs((float)cosine) > NearlyParallel)
            return [1 - t, t];
        double angle = Math.Acos(cosine);
        double sine = Math.Sin(angle);
        return [Math.Sin(angle - (angle * t)) / sine, Math.Sin(angle * t) / sine];
    }

    /// <summary>Vectors without length are not normalised.</summary>
    private static double Length(double norm) => norm > 1e-8 ? norm : 1;
}
