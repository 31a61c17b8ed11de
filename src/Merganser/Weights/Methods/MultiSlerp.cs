using Merganser.Weights.Spheres;

namespace Merganser.Weights.Methods;

/// <summary>
/// Weighted mean direction of several models (or of their changes from a base), as long as the weighted mean of their
/// lengths: with <c>ûᵢ = xᵢ/(‖xᵢ‖ + eps)</c> and <c>μ = Σ wᵢ ûᵢ / ‖Σ wᵢ ûᵢ‖</c> the result is <c>μ · Σ wᵢ ‖xᵢ‖</c> (+ base).
/// As in mergekit (`multislerp`), a one-step barycentre on the sphere.
/// </summary>
/// <remarks>
/// <c>weight</c> (per model) must be set; <c>normalize_weights</c> (default true) divides by their sum; <c>eps</c> (default 10⁻⁸).
/// The formula in use elsewhere goes on from μ along the weighted mean of the tangents towards the models; that mean is zero
/// because μ is itself the direction of the weighted sum, so nothing is lost by leaving it out.
/// Opposite models (‖Σ wᵢ ûᵢ‖ &lt; eps): two are combined linearly (the base is added here too), more throw, as do weights that add up to 0 with <c>normalize_weights</c>.
/// </remarks>
public sealed class MultiSlerp : MergeMethod
{
    private static readonly MethodParameter Weight = MethodParameter.ForModel("weight", null, "factor of the model");
    private static readonly MethodParameter NormalizeWeights = MethodParameter.Switch("normalize_weights", true, "divide the weights by their sum");
    private static readonly MethodParameter Epsilon = MethodParameter.Global("eps", 1e-8, "what counts as no length") with { Minimum = 0 };

    /// <inheritdoc/>
    public override string Name => "multislerp";

    /// <inheritdoc/>
    public override string Summary => "two or more models or their changes, averaged by direction and by length";

    /// <inheritdoc/>
    public override string Paper => "mergekit, multislerp";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Weight, NormalizeWeights, Epsilon];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Optional;

    /// <inheritdoc/>
    public override int MinModels => 2;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        double[] weights = tensor.GetAll(Weight);
        if (tensor.IsOn(NormalizeWeights))
        {
            double sum = weights.Sum();
            if (sum == 0)
                throw new MerganserException($"{tensor.Name}: the weights add up to 0; set 'normalize_weights: false' or change them");
            weights = [.. weights.Select(weight => weight / sum)];
        }

        double epsilon = tensor.Get(Epsilon);
        return new GramMerger(weights.Length, baseFirst: false, tensor.Rounding, gram => Factors(gram, weights, epsilon, tensor.Name));
    }

    private static double[] Factors(GramMatrix gram, double[] weights, double epsilon, string name)
    {
        double[] factors = new double[gram.Count];
        double length = 0;
        bool anything = false;
        for (int i = 0; i < gram.Count; i++)
        {
            double norm = gram.Norm(i);
            anything |= norm > 0;
            factors[i] = norm + epsilon > 0 ? weights[i] / (norm + epsilon) : 0;
            length += weights[i] * norm;
        }

        double mean = gram.Norm(factors);
        if (mean < epsilon || mean == 0)
        {
            // Models that equal the base have no direction: nothing to add to it.
            return gram.Count == 2 || !anything
                ? weights
                : throw new MerganserException($"{name}: the weighted directions of the models cancel each other; change the weights or use another method for this tensor");
        }

        for (int i = 0; i < factors.Length; i++)
            factors[i] *= length / mean;
        return factors;
    }
}
