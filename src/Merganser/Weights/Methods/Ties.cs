using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Trim, elect sign, disjoint merge, tensor by tensor as mergekit does: of each task vector the <c>int(density·numel)</c>
/// largest magnitudes are kept (of equal ones those with the lower index), then consensus as in <see cref="TaskVectorMethod"/>.
/// "TIES-Merging: Resolving Interference When Merging Models", arXiv 2306.01708. For thresholds over the whole model see <c>ties_model</c>.
/// </summary>
/// <remarks>Options as in <see cref="TaskVectorMethod"/>; <c>normalize</c> defaults to true, <c>rescale</c> to false. A density that keeps no element warns and adds nothing.</remarks>
public sealed class Ties : TaskVectorMethod
{

    /// <summary>Makes the method.</summary>
    public Ties()
        : base(consensus: true, normalize: true, rescale: false)
    {
    }

    /// <inheritdoc/>
    public override string Name => "ties";

    /// <inheritdoc/>
    public override string Summary => "trims small changes, elects a sign per parameter, averages what agrees; a good default for 2 to 20 fine-tunes";

    /// <inheritdoc/>
    public override string Paper => "TIES-Merging, arXiv 2306.01708";

    internal override Sparsifier? Sparsify(TensorContext tensor, int model, double density)
    {
        long kept = (long)(density * tensor.ElementCount);
        if (kept == 0)
            tensor.Warn?.Invoke($"{tensor.Name}: density {density:R} keeps none of the {tensor.ElementCount} elements of {tensor.Models[model]}");
        return new LargestSparsifier(tensor.ElementCount, kept);
    }
}
