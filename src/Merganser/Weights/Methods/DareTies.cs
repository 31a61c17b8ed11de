using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Drop and rescale, then consensus: every element of a task vector is kept with probability <c>density</c>, then a sign is elected.
/// "Language Models are Super Mario", arXiv 2311.03099, with the sign election of "TIES-Merging", arXiv 2306.01708.
/// </summary>
/// <remarks>Options as in <see cref="TaskVectorMethod"/>; <c>normalize</c> defaults to false, <c>rescale</c> to true (sum of absolute values, as in mergekit).</remarks>
public sealed class DareTies : TaskVectorMethod
{

    /// <summary>Makes the method.</summary>
    public DareTies()
        : base(consensus: true, normalize: false, rescale: true)
    {
    }

    /// <inheritdoc/>
    public override string Name => "dare_ties";

    /// <inheritdoc/>
    public override string Summary => "drops a random part of every change, scales up the rest, elects a sign per parameter";

    /// <inheritdoc/>
    public override string Paper => "DARE, arXiv 2311.03099; TIES-Merging, arXiv 2306.01708";

    /// <inheritdoc/>
    public override bool IsRandom => true;

    internal override Sparsifier? Sparsify(TensorContext tensor, int model, double density) =>
        new RandomSparsifier(new DrawStream(tensor.Seed, model, tensor.Name), density, tensor.ElementCount);
}
