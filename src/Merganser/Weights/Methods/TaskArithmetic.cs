using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Weighted sum of task vectors: <c>θ* = θ0 + λ Σ wᵢ (θᵢ − θ0)</c>.
/// "Editing Models with Task Arithmetic", arXiv 2212.04089.
/// </summary>
/// <remarks>Options as in <see cref="TaskVectorMethod"/>; <c>normalize</c> and <c>rescale</c> default to false; <c>density</c> is accepted as in mergekit and not used.</remarks>
public sealed class TaskArithmetic : TaskVectorMethod
{

    /// <summary>Makes the method.</summary>
    public TaskArithmetic()
        : base(consensus: false, normalize: false, rescale: false)
    {
    }

    /// <inheritdoc/>
    public override string Name => "task_arithmetic";

    /// <inheritdoc/>
    public override string Summary => "base plus the weighted sum of all changes; one factor to tune, negative weights forget";

    /// <inheritdoc/>
    public override string Paper => "Editing Models with Task Arithmetic, arXiv 2212.04089";

    internal override Sparsifier? Sparsify(TensorContext tensor, int model, double density) => null;
}
