using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Drop and rescale, then the weighted sum: every element of a task vector is kept with probability <c>density</c>.
/// "Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch", arXiv 2311.03099.
/// </summary>
/// <remarks>
/// Options as in <see cref="TaskVectorMethod"/>; <c>normalize</c> defaults to false, <c>rescale</c> to true: as in mergekit
/// it restores the sum of absolute values, where the paper divides by the density (for that see <c>dare</c>).
/// </remarks>
public sealed class DareLinear : TaskVectorMethod
{

    /// <summary>Makes the method.</summary>
    public DareLinear()
        : base(consensus: false, normalize: false, rescale: true)
    {
    }

    /// <inheritdoc/>
    public override string Name => "dare_linear";

    /// <inheritdoc/>
    public override string Summary => "drops a random part of every change, scales up the rest, adds the weighted sum";

    /// <inheritdoc/>
    public override string Paper => "DARE (Language Models are Super Mario), arXiv 2311.03099";

    /// <inheritdoc/>
    public override bool IsRandom => true;

    internal override Sparsifier? Sparsify(TensorContext tensor, int model, double density) =>
        new RandomSparsifier(new DrawStream(tensor.Seed, model, tensor.Name), density, tensor.ElementCount);
}
