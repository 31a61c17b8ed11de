using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// TIES-Merging as its authors' code does it: thresholds over the whole model, all tensors as one vector of d elements.
/// "TIES-Merging: Resolving Interference When Merging Models", arXiv 2306.01708. For mergekit's version, tensor by tensor,
/// see <c>ties</c>.
/// </summary>
/// <remarks>
/// <para>1. Trim (<c>reset</c>): <c>topk</c> (default) keeps <c>|τ|</c> from the j-th smallest magnitude on,
/// <c>j = d − int(d·K)</c>, K = <c>density</c> (default 0.2; above 1 it is a percentage; 1 keeps all); <c>std</c> keeps
/// <c>|τ − mean| &gt; K·σ</c>, K taken as it is and σ with d − 1 in the divisor; <c>normfrac</c> keeps the fewest largest elements whose squares
/// together reach K·‖τ‖² (the one that reaches it included, and all of its magnitude, as <c>topk</c> does), K a percentage above 1.</para>
/// <para>2. Elect (<c>resolve</c>): the sign of <c>Σ τ</c> (<c>mass</c>, default), of <c>Σ sign(τ)·τ²/‖τᵢ‖²</c>
/// (<c>normmass</c>), of the entry with the largest <c>τ²/‖τᵢ‖²</c> (<c>normfrac</c>, the first of equal ones), or none. A sign of 0
/// becomes the sign of the sum of all signs of the model.</para>
/// <para>3. Merge (<c>merge</c>) the values of the elected sign (for a sign that is still 0: the negative ones): their
/// <c>mean</c> (default), <c>sum</c>, or the elected sign times their largest magnitude (<c>max</c>; with <c>resolve: none</c> the
/// value of the largest magnitude itself).</para>
/// <para>4. <c>θ* = θ0 + λ·τ*</c>, <c>lambda</c> default 1; values above 1 are usual for the mean, below 1 for the sum.</para>
/// <para>Throws when <c>density</c> is not above 0 or a percentage is above 100.</para>
/// </remarks>
public sealed class TiesModel : MergeMethod
{
    private static readonly MethodParameter Density =
        MethodParameter.Global("density", 0.2, "share of the model's changes to keep (normfrac: of their squared norm; std: deviations); above 1 a percentage") with { Minimum = double.Epsilon, Maximum = 100 };

    private static readonly MethodParameter Resolve = MethodParameter.Choice("resolve", "how signs are elected", "mass", "normmass", "normfrac", "none");

    private static readonly MethodParameter Merge = MethodParameter.Choice("merge", "how values that agree are merged", "mean", "sum", "max");

    private static readonly MethodParameter Reset = MethodParameter.Choice("reset", "how task vectors are trimmed", "topk", "std", "normfrac");

    private static readonly MethodParameter Lambda = MethodParameter.Global("lambda", 1, "factor of the merged task vector");

    /// <inheritdoc/>
    public override string Name => "ties_model";

    /// <inheritdoc/>
    public override string Summary => "TIES with thresholds over the whole model, as in its authors' code";

    /// <inheritdoc/>
    public override string Paper => "TIES-Merging, arXiv 2306.01708";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Density, Resolve, Merge, Reset, Lambda];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override bool SlicesToBase => true;

    /// <inheritdoc/>
    public override ModelStatistics? BeginModel(IReadOnlyList<TensorContext> tensors)
    {
        if (tensors.Count == 0)
            return null;
        long count = 0;
        foreach (TensorContext tensor in tensors)
            count += tensor.ElementCount;
        return new TiesStatistics(count, tensors[0].Models.Length, Rule(tensors[0]));
    }

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) =>
        new TiesModelMerger((TiesStatistics)(statistics ?? throw new ArgumentNullException(nameof(statistics))), Rule(tensor));

    private static TiesRule Rule(TensorContext tensor) => new(
        tensor.Get(Density), (TiesResolve)tensor.Get(Resolve), (TiesMerge)tensor.Get(Merge), (TiesReset)tensor.Get(Reset), (float)tensor.Get(Lambda));
}
