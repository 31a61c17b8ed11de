using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// As <see cref="Ram"/>, and where a model alone changed something its change is multiplied by
/// <c>1 + r·clip(ρᵢ, 0, α)</c>, <c>ρᵢ</c> the number of its changes that others share divided by the number of those that
/// none shares (at least ε), in one tensor: a model whose changes are diluted by sharing gets more of its own.
/// "Reinforced Agent Merging" (RAM+), as in mergekit.
/// </summary>
/// <remarks><c>r</c> (default 0.1), <c>alpha</c> (from 0, default 0.2), <c>epsilon</c> (from 0, default 1e-5).</remarks>
public sealed class RamPlus : MergeMethod
{
    private static readonly MethodParameter Strength = MethodParameter.Global("r", 0.1, "strength of the rescaling");

    private static readonly MethodParameter Alpha =
        MethodParameter.Global("alpha", 0.2, "upper limit of the ratio of shared to unique changes") with { Minimum = 0 };

    /// <inheritdoc/>
    public override string Name => "ramplus_tl";

    /// <inheritdoc/>
    public override string Summary => "as ram, with changes of one model alone scaled up by how much it shares elsewhere in the tensor";

    /// <inheritdoc/>
    public override string Paper => "Reinforced Agent Merging, as in mergekit";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Strength, Alpha, Ram.Epsilon];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override bool SlicesToBase => true;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) =>
        new ActiveMeanMerger(tensor.Models.Length, (float)tensor.Get(Ram.Epsilon), tensor.Get(Strength), tensor.Get(Alpha), tensor.Rounding);
}
