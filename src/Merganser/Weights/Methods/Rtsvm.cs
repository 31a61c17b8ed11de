using Merganser.Weights.Spectral;

namespace Merganser.Weights.Methods;

/// <summary>
/// Reweighted TSVM, after "Mix Data or Merge Models?", arXiv 2502.06876 (later named RESM). The paper's formulas were not
/// at hand; this is our definition of its three parts. For every matrix: (1) outlier mass <c>oᵢ = Σ a·[a &gt; mean a + c·std a]</c> of
/// a = |Δᵢ| gives weights <c>wᵢ = T oᵢ / Σ o</c> (all 1 when nothing stands out); (2) the mean share s of entries with <c>|Δᵢ| &lt; ε·mean|Δᵢ|</c>
/// gives the rank <c>k = clamp(⌊γ (1 − s) r/T⌋, 1, max(1, ⌊r/T⌋))</c>; (3) TSVM of the weighted changes with that rank. Other tensors: the mean of the changes.
/// </summary>
/// <remarks>
/// <c>c</c> ≥ 0 (default 3), <c>epsilon</c> ≥ 0 (default 0.1), <c>gamma</c> &gt; 0 (default 1), <c>weighting</c>: <c>matrix</c> (default) or <c>none</c>,
/// <c>rank</c>: <c>adaptive</c> (default) or <c>fixed</c> (⌊r/T⌋), <c>alpha</c> (per task, default 1), <c>svd</c> as in TSVM. Matrices of more than 20,000 rows are
/// averaged unless <c>embeddings</c> is <c>svd</c>. Throws when a change is not finite.
/// </remarks>
public sealed class Rtsvm : MergeMethod
{
    private const int ManyRows = 20_000;

    private static readonly MethodParameter Alpha = MethodParameter.ForModel("alpha", 1, "factor of the task's change");
    private static readonly MethodParameter C = MethodParameter.Global("c", 3, "standard deviations above the mean from which an entry is an outlier") with { Minimum = 0 };
    private static readonly MethodParameter Epsilon = MethodParameter.Global("epsilon", 0.1, "entries below this share of the mean magnitude count as none") with { Minimum = 0 };
    private static readonly MethodParameter Gamma = MethodParameter.Global("gamma", 1, "factor of the rank") with { Minimum = double.Epsilon };
    private static readonly MethodParameter Weighting = MethodParameter.Choice("weighting", "weights from outliers per matrix, or none", "matrix", "none");
    private static readonly MethodParameter RankRule = MethodParameter.Choice("rank", "rank from sparsity, or r/T", "adaptive", "fixed");
    private static readonly MethodParameter Embeddings = MethodParameter.Choice("embeddings", "mean: matrices of more than 20,000 rows are averaged", "mean", "svd");
    private static readonly MethodParameter Svd = MethodParameter.Choice("svd", "which decomposition", "auto", "exact", "randomized");

    /// <inheritdoc/>
    public override string Name => "rtsvm";

    /// <inheritdoc/>
    public override string Summary => "TSVM with tasks weighted by their outliers and a rank that follows sparsity";

    /// <inheritdoc/>
    public override string Paper => "after Mix Data or Merge Models?, arXiv 2502.06876";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Alpha, C, Epsilon, Gamma, Weighting, RankRule, Embeddings, Svd];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        double[] alphas = tensor.GetAll(Alpha);
        return tensor.Shape.Length == 2 && (tensor.Shape[0] <= ManyRows || tensor.IsOn(Embeddings))
            ? new Merger(tensor, alphas)
            : new MeanChangeMerger([.. alphas.Select(alpha => (float)alpha)], tensor.Rounding);
    }

    /// <summary>The weights of the tasks: T times their share of the outlier mass; they add up to T.</summary>
    internal static double[] Weights(IReadOnlyList<float[]> changes, double c)
    {
        double[] masses = [.. changes.Select(change => OutlierMass(change, c))];
        double total = masses.Sum();
        return [.. masses.Select(mass => total > 0 ? changes.Count * mass / total : 1)];
    }

    /// <summary>The share of entries that hardly changed, averaged over the tasks.</summary>
    internal static double Sparsity(IReadOnlyList<float[]> changes, double epsilon)
    {
        double sum = 0;
        foreach (float[] change in changes)
        {
            double limit = epsilon * Mean(change);
            long small = 0;
            foreach (float value in change)
                small += Math.Abs((double)value) < limit ? 1 : 0;
            sum += (double)small / change.Length;
        }

        return sum / changes.Count;
    }

    /// <summary>The rank kept per task.</summary>
    internal static int Rank(int smaller, int tasks, double sparsity, double gamma)
    {
        int most = Math.Max(1, smaller / tasks);
        return (int)Math.Clamp(Math.Floor((gamma * (1 - sparsity) * smaller / tasks) + 1e-9), 1, most);
    }

    private static double OutlierMass(float[] change, double c)
    {
        double mean = Mean(change), squares = 0, mass = 0;
        foreach (float value in change)
            squares += (Math.Abs((double)value) - mean) * (Math.Abs((double)value) - mean);
        double limit = mean + (c * Math.Sqrt(squares / change.Length));
        foreach (float value in change)
            mass += Math.Abs((double)value) > limit ? Math.Abs((double)value) : 0;
        return mass;
    }

    private static double Mean(float[] change)
    {
        double sum = 0;
        foreach (float value in change)
            sum += Math.Abs((double)value);
        return sum / change.Length;
    }

    private sealed class Merger(TensorContext tensor, double[] alphas) : SpectralMerger(tensor)
    {
        protected override Matrix Merge(float[][] tasks)
        {
            int smaller = Math.Min(Rows, Columns);
            double[] weights = Tensor.IsOn(Weighting) ? [.. tasks.Select(_ => 1.0)] : Weights(tasks, Tensor.Get(C));
            int rank = Tensor.IsOn(RankRule) ? Tsvm.Rank(smaller, tasks.Length, 0) : Rank(smaller, tasks.Length, Sparsity(tasks, Tensor.Get(Epsilon)), Tensor.Get(Gamma));

            // A positive factor of a task changes its singular values only; a factor of 0 must also keep its vectors out of the way.
            for (int task = 0; task < tasks.Length; task++)
            {
                if (weights[task] == 0)
                    Array.Clear(tasks[task]);
            }

            var vectors = TaskSingularVectors.Of(tasks, Rows, Columns, rank, (SvdKind)(int)Tensor.Get(Svd), Seed, Tensor.Threads);
            for (int task = 0; task < tasks.Length; task++)
                vectors.Scale(task, tasks.Length, weights[task] * alphas[task]);
            Matrix merged = vectors.Merge(TsvVariant.Polar, out int dropped);
            WarnDropped(dropped);
            return merged;
        }
    }
}
