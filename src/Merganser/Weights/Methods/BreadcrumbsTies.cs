using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Drops the largest and the smallest changes as <see cref="Breadcrumbs"/> does, then consensus.
/// "Model Breadcrumbs", arXiv 2312.06795, with the sign election of "TIES-Merging", arXiv 2306.01708.
/// </summary>
/// <remarks>Options and strict behaviour as in <see cref="Breadcrumbs"/>; <c>normalize</c> and <c>rescale</c> default to false.</remarks>
public sealed class BreadcrumbsTies : TaskVectorMethod
{
    /// <summary>Makes the method.</summary>
    public BreadcrumbsTies()
        : base(consensus: true, normalize: false, rescale: false, Breadcrumbs.Gamma)
    {
    }

    /// <inheritdoc/>
    public override string Name => "breadcrumbs_ties";

    /// <inheritdoc/>
    public override string Summary => "drops outliers and small changes, elects a sign per parameter";

    /// <inheritdoc/>
    public override string Paper => "Model Breadcrumbs, arXiv 2312.06795; TIES-Merging, arXiv 2306.01708";

    internal override Sparsifier? Sparsify(TensorContext tensor, int model, double density) => Breadcrumbs.DropBothEnds(tensor, model, density);
}
