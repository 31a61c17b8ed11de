using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Drops changes at random, large ones less often, then consensus. Within a row of n elements ranked by magnitude, smallest
/// first, an element is kept with probability <c>(density − ε) + 2ε·(rank − 1)/(n − 1)</c>. A vector is one row; a tensor
/// with more than two axes is ranked along its second.
/// "DELLA-Merging: Reducing Interference in Model Merging through Magnitude-Based Sampling", arXiv 2406.11617.
/// </summary>
/// <remarks>
/// Options as in <see cref="TaskVectorMethod"/>, and <c>epsilon</c> (per model, from 0, default 0.15): density ± epsilon
/// must stay inside (0, 1) or an exception is thrown; a density of 0 drops everything. <c>normalize</c> and <c>rescale</c>
/// default to true. Rows of one element, for which mergekit gives NaN, are kept with probability <c>density</c>.
/// </remarks>
public sealed class Della : TaskVectorMethod
{
    internal static readonly MethodParameter Epsilon =
        MethodParameter.ForModel("epsilon", 0.15, "half the range of the keep probabilities in a row") with { Minimum = 0 };

    /// <summary>Makes the method.</summary>
    public Della()
        : base(consensus: true, normalize: true, rescale: true, Epsilon)
    {
    }

    /// <inheritdoc/>
    public override string Name => "della";

    /// <inheritdoc/>
    public override string Summary => "drops changes at random, small ones more often, then elects a sign per parameter";

    /// <inheritdoc/>
    public override string Paper => "DELLA-Merging, arXiv 2406.11617";

    /// <inheritdoc/>
    public override bool IsRandom => true;

    internal override Sparsifier? Sparsify(TensorContext tensor, int model, double density) => DropByRank(tensor, model, density);

    internal static Sparsifier DropByRank(TensorContext tensor, int model, double density)
    {
        if (density <= 0)
            return new DropEverything();
        double epsilon = tensor.Parameters.Get(Epsilon, model);
        if (density - epsilon <= 0 || density + epsilon >= 1)
        {
            throw new MerganserException(
                $"{tensor.Name}: density {density:R} ± epsilon {epsilon:R} of {tensor.Models[model]} leaves the range between 0 and 1; choose a smaller epsilon");
        }

        int stride = 1;
        for (int axis = 2; axis < tensor.Shape.Length; axis++)
            stride = checked(stride * (int)tensor.Shape[axis]);
        int length = tensor.Shape.Length switch
        {
            0 => 1,
            1 => checked((int)tensor.Shape[0]),
            _ => checked((int)tensor.Shape[1]),
        };
        return new RankSparsifier(new DrawStream(tensor.Seed, model, tensor.Name), density, epsilon, tensor.ElementCount, length, stride);
    }
}
