using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Drops the largest and the smallest changes and adds the weighted sum of the rest. With N elements,
/// <c>target = int(density·N)</c> and <c>top = int(gamma·N)</c>: the <c>top</c> largest magnitudes go, and of the rest all
/// but the <c>target</c> largest (<c>top</c> shrinks where both do not fit).
/// "Model Breadcrumbs: Scaling Multi-Task Model Merging with Sparse Masks", arXiv 2312.06795.
/// </summary>
/// <remarks>
/// Options as in <see cref="TaskVectorMethod"/>, and <c>gamma</c> (per model, 0 to 1, default 0.01); <c>normalize</c> and
/// <c>rescale</c> default to false. Where <c>top</c> is 0 mergekit drops the whole task vector; so does this method with
/// <see cref="TensorContext.StrictMergekit"/>, otherwise it drops nothing at the top.
/// </remarks>
public sealed class Breadcrumbs : TaskVectorMethod
{
    internal static readonly MethodParameter Gamma =
        MethodParameter.ForModel("gamma", 0.01, "share of the largest changes to drop") with { Minimum = 0, Maximum = 1 };

    /// <summary>Makes the method.</summary>
    public Breadcrumbs()
        : base(consensus: false, normalize: false, rescale: false, Gamma)
    {
    }

    /// <inheritdoc/>
    public override string Name => "breadcrumbs";

    /// <inheritdoc/>
    public override string Summary => "drops outliers and small changes, adds the weighted sum of the rest";

    /// <inheritdoc/>
    public override string Paper => "Model Breadcrumbs, arXiv 2312.06795";

    internal override Sparsifier? Sparsify(TensorContext tensor, int model, double density) => DropBothEnds(tensor, model, density);

    internal static Sparsifier DropBothEnds(TensorContext tensor, int model, double density)
    {
        long count = tensor.ElementCount;
        long top = (long)(tensor.Parameters.Get(Gamma, model) * count);
        long bottom = count - (long)(density * count) - top;
        if (bottom < 0)
        {
            top += bottom;
            bottom = 0;
        }

        return top == 0 && tensor.StrictMergekit ? new DropEverything() : new MiddleSparsifier(count, top, bottom);
    }
}
