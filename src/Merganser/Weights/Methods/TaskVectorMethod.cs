using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// What the task-vector methods of mergekit share. With <c>δᵢ = θᵢ − θ0</c>, made sparse by the method (<c>density</c> of 1 or
/// more keeps all): <c>θ* = θ0 + λ·Σ wᵢδᵢ / Σ wᵢ</c>, the division only with <c>normalize</c>. Methods with consensus elect at
/// each position the sign of <c>Σ wᵢδᵢ</c> (0 counts as positive) and let only values of that sign into both sums.
/// </summary>
/// <remarks>
/// <para>Options of all: <c>weight</c> (per model, required, any finite number), <c>density</c> (per model, from 0, default 1),
/// <c>normalize</c>, <c>rescale</c> (scale what is left of a task vector to its former sum of absolute values; skipped
/// where either sum is below 1e-7), <c>lambda</c> (default 1) and <c>int8_mask</c> (accepted, changes nothing).</para>
/// <para>A sum of weights of 0 (without consensus: below 1e-8) is not divided by. With a narrow
/// <see cref="TensorContext.Rounding"/> every operation rounds as in mergekit.</para>
/// <para>Throws <see cref="MerganserException"/> for a missing weight and for options outside their range.</para>
/// </remarks>
public abstract class TaskVectorMethod : MergeMethod
{
    private protected static readonly MethodParameter Weight = MethodParameter.ForModel("weight", null, "factor of the model's task vector");

    private protected static readonly MethodParameter Density =
        MethodParameter.ForModel("density", 1, "share of the task vector to keep, 1 keeps all") with { Minimum = 0 };

    private protected static readonly MethodParameter Lambda = MethodParameter.Global("lambda", 1, "factor of the merged task vector");

    private protected static readonly MethodParameter Int8Mask = MethodParameter.Switch("int8_mask", false, "accepted for mergekit; changes nothing");

    private readonly MethodParameter _normalize;
    private readonly MethodParameter _rescale;
    private readonly bool _consensus;

    private protected TaskVectorMethod(bool consensus, bool normalize, bool rescale, params MethodParameter[] more)
    {
        _consensus = consensus;
        _normalize = MethodParameter.Switch("normalize", normalize, "divide by the sum of the weights that take part");
        _rescale = MethodParameter.Switch("rescale", rescale, "scale sparse task vectors to their former sum of absolute values");
        Parameters = [Weight, Density, .. more, _normalize, _rescale, Lambda, Int8Mask];
    }

    /// <inheritdoc/>
    public sealed override IReadOnlyList<MethodParameter> Parameters { get; }

    /// <inheritdoc/>
    public sealed override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public sealed override bool SlicesToBase => true;

    /// <inheritdoc/>
    public sealed override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        double[] densities = tensor.GetAll(Density);
        Sparsifier?[] sparsifiers = new Sparsifier?[densities.Length];
        for (int model = 0; model < sparsifiers.Length; model++)
            sparsifiers[model] = Find(tensor, model, densities[model]);

        float[] weights = [.. tensor.GetAll(Weight).Select(weight => tensor.Rounding.Apply((float)weight))];
        TaskVectorRule rule = new(weights, _consensus, tensor.IsOn(_normalize), tensor.IsOn(_rescale), tensor.Get(Lambda));
        return new TaskVectorMerger(sparsifiers, rule, tensor.Rounding);
    }

    /// <summary>What drops a part of a task vector whose density is below 1; null to keep all.</summary>
    internal abstract Sparsifier? Sparsify(TensorContext tensor, int model, double density);

    private Sparsifier? Find(TensorContext tensor, int model, double density) =>
        density >= 1 ? null : GivenMask.Find(tensor, model) ?? Sparsify(tensor, model, density);
}
