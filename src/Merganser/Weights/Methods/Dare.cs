using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// The paper's drop and rescale, followed by task arithmetic: of <c>δᵢ = θᵢ − θ0</c> a share <c>p</c> is set to 0 in each tensor,
/// the rest divided by <c>1 − p</c>, and <c>θ* = θ0 + λ Σ wᵢ δ̂ᵢ</c>. With one model and λ = 1 it makes that model's change sparse.
/// "Language Models are Super Mario: Absorbing Abilities from Homologous Models as a Free Lunch", arXiv 2311.03099.
/// </summary>
/// <remarks>
/// <para><c>drop_rate</c> p (0 to 1, default 0.1; 0.9 to 0.99 is usual for large models; 1 gives the base and warns).
/// <c>rescale</c>: <c>inverse_keep</c> (default, divide by 1 − p), <c>l1</c> (restore the sum of absolute values, as mergekit's
/// <c>dare_linear</c>) or <c>none</c>. <c>strategy</c>: <c>random</c> (default) or <c>magnitude</c> (drop what is not above the
/// <c>int(numel·p)</c>-th smallest magnitude, so all that equal it; with fewer than one such element nothing is dropped).
/// <c>weight</c> (per model, default 1), <c>lambda</c> (default 1).</para>
/// <para>Works where changes are small (about 0.005 at most) and fails after long continued pre-training.</para>
/// </remarks>
public sealed class Dare : MergeMethod
{
    private static readonly MethodParameter Weight = MethodParameter.ForModel("weight", 1, "factor of the model's task vector");

    private static readonly MethodParameter DropRate =
        MethodParameter.Global("drop_rate", 0.1, "share of each task vector to drop") with { Minimum = 0, Maximum = 1 };

    private static readonly MethodParameter Rescale = MethodParameter.Choice("rescale", "how the rest makes up for it", "inverse_keep", "l1", "none");

    private static readonly MethodParameter Strategy = MethodParameter.Choice("strategy", "what to drop", "random", "magnitude");

    private static readonly MethodParameter Lambda = MethodParameter.Global("lambda", 1, "factor of the merged task vector");

    /// <inheritdoc/>
    public override string Name => "dare";

    /// <inheritdoc/>
    public override string Summary => "the paper's drop and rescale, then task arithmetic; for small changes of large models";

    /// <inheritdoc/>
    public override string Paper => "DARE (Language Models are Super Mario), arXiv 2311.03099";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Weight, DropRate, Rescale, Strategy, Lambda];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override bool SlicesToBase => true;

    /// <inheritdoc/>
    public override bool IsRandom => true;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        double rate = tensor.Get(DropRate);
        if (rate == 1)
            tensor.Warn?.Invoke($"{tensor.Name}: a drop_rate of 1 drops every change, the result is the base");
        double scale = tensor.Get(Rescale) == 0 && rate < 1 ? 1 / (1 - rate) : 1;
        Sparsifier?[] sparsifiers = new Sparsifier?[tensor.Models.Length];
        for (int model = 0; model < sparsifiers.Length; model++)
            sparsifiers[model] = rate == 0 ? null : GivenMask.Find(tensor, model) ?? Drop(tensor, model, rate);
        float[] weights = [.. tensor.GetAll(Weight).Select(weight => (float)(weight * scale))];
        TaskVectorRule rule = new(weights, Consensus: false, Normalize: false, Rescale: tensor.Get(Rescale) == 1, tensor.Get(Lambda));
        return new TaskVectorMerger(sparsifiers, rule, tensor.Rounding);
    }

    private static Sparsifier Drop(TensorContext tensor, int model, double rate)
    {
        if (rate == 1)
            return new DropEverything();
        return tensor.Get(Strategy) == 0
            ? new RandomSparsifier(new DrawStream(tensor.Seed, model, tensor.Name), 1 - rate, tensor.ElementCount)
            : new AboveSmallestSparsifier(tensor.ElementCount, (long)(tensor.ElementCount * rate));
    }
}
