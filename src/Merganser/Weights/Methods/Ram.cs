using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Averages changes only where several models changed something: with <c>τᵢ = θᵢ − θ0</c>, a model takes part in a position
/// where <c>|τᵢ| &gt; ε</c>; the result is the base plus the mean of those that take part.
/// "Reinforced Agent Merging" (RAM), as in mergekit.
/// </summary>
/// <remarks><c>epsilon</c> (from 0, default 1e-5). Rounding in narrow types is best effort: task vectors, sum, quotient and result.</remarks>
public sealed class Ram : MergeMethod
{
    internal static readonly MethodParameter Epsilon =
        MethodParameter.Global("epsilon", 1e-5, "changes up to this size do not count") with { Minimum = 0 };

    /// <inheritdoc/>
    public override string Name => "ram";

    /// <inheritdoc/>
    public override string Summary => "keeps changes of one model whole, averages those that several share; for sparse (reinforced) fine-tunes";

    /// <inheritdoc/>
    public override string Paper => "Reinforced Agent Merging, as in mergekit";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Epsilon];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override bool SlicesToBase => true;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) =>
        new ActiveMeanMerger(tensor.Models.Length, (float)tensor.Get(Epsilon), 0, 0, tensor.Rounding);
}
