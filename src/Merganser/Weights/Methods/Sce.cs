using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Select, calculate, erase: at the positions where the task vectors differ most (the <c>int(select_topk·c)</c> largest
/// variances over the models, c the number of positions with a variance), each model's weight is its share of the mean
/// squared change; signs are elected by <c>Σ τⱼ</c> (0 counts as positive) and values of the other sign erased:
/// <c>θ* = θ0 + Σ wⱼτⱼ / Σ wⱼ</c> over what is left. Weights are those of one tensor.
/// "FuseChat: Knowledge Fusion of Chat Models", arXiv 2408.07990.
/// </summary>
/// <remarks>
/// <para><c>select_topk</c> (above 0 to 1, default 1: all positions). <c>select_scope</c> says what the selection acts on:
/// <c>deltas</c> (default; the paper and mergekit) returns the other positions to the base; <c>weights</c> (the released
/// FuseChat code) uses it for the weights alone. With <c>deltas</c>, mean squares that add up to less than 1e-6 give equal
/// weights and the divisor is at least 1e-6, as in mergekit; with <c>weights</c> only a sum of 0 gives equal weights and
/// a divisor of 0 becomes 1, as in that code. <c>int8_mask</c> is accepted and changes nothing.</para>
/// <para>Of equal variances the position with the lower index is taken. Rounding in narrow types is best effort: task
/// vectors, weights, sums, quotient and result.</para>
/// </remarks>
public sealed class Sce : MergeMethod
{
    private static readonly MethodParameter SelectTopk =
        MethodParameter.Global("select_topk", 1, "share of the positions to select, above 0 to 1") with { Minimum = double.Epsilon, Maximum = 1 };

    private static readonly MethodParameter SelectScope =
        MethodParameter.Choice("select_scope", "what the selection acts on: task vectors, or weights alone", "deltas", "weights");

    private static readonly MethodParameter Int8Mask = MethodParameter.Switch("int8_mask", false, "accepted for mergekit; changes nothing");

    /// <inheritdoc/>
    public override string Name => "sce";

    /// <inheritdoc/>
    public override string Summary => "weights from how much each tensor moved, nothing to tune; for 3 to 6 chat fine-tunes of one base";

    /// <inheritdoc/>
    public override string Paper => "FuseChat, arXiv 2408.07990";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [SelectTopk, SelectScope, Int8Mask];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override bool SlicesToBase => true;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) =>
        new SceMerger(tensor.ElementCount, tensor.Models.Length, tensor.Get(SelectTopk), tensor.Get(SelectScope) == 0, tensor.Rounding);
}
