using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Drops changes at random, large ones less often, as <see cref="Della"/> does, and adds the weighted sum.
/// "DELLA-Merging", arXiv 2406.11617.
/// </summary>
/// <remarks>Options as in <see cref="Della"/>; <c>normalize</c> defaults to false, <c>rescale</c> to true.</remarks>
public sealed class DellaLinear : TaskVectorMethod
{
    /// <summary>Makes the method.</summary>
    public DellaLinear()
        : base(consensus: false, normalize: false, rescale: true, Della.Epsilon)
    {
    }

    /// <inheritdoc/>
    public override string Name => "della_linear";

    /// <inheritdoc/>
    public override string Summary => "drops changes at random, small ones more often, adds the weighted sum";

    /// <inheritdoc/>
    public override string Paper => "DELLA-Merging, arXiv 2406.11617";

    /// <inheritdoc/>
    public override bool IsRandom => true;

    internal override Sparsifier? Sparsify(TensorContext tensor, int model, double density) => Della.DropByRank(tensor, model, density);
}
