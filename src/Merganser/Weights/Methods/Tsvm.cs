using Merganser.Weights.Spectral;

namespace Merganser.Weights.Methods;

/// <summary>
/// Task singular vectors merging, "Task Singular Vectors: Reducing Task Interference in Model Merging", arXiv 2412.00081. For every
/// matrix (m×n, r = min(m, n), T tasks): the k = ⌊r/T⌋ leading singular triplets of each change side by side, left and right
/// vectors replaced by their polar factors, <c>θ* = θ0 + U⊥ diag(S) V⊥ᵀ</c>. Other tensors: the mean of the changes.
/// </summary>
/// <remarks>
/// <c>alpha</c> (per task, default 1) multiplies the task's change. <c>rank_fraction</c> (0 &lt; f ≤ 1; default 0 stands for
/// 1/T) is the share of triplets kept. <c>variant</c>: <c>polar</c> (default), <c>eigen</c> (the same through (UᵀU)^(−1/2)), <c>lowrank-sum</c>
/// (no orthogonalisation), <c>lossless</c> (all triplets of all tasks). <c>embeddings</c>: <c>auto</c> (default: matrices of more than
/// 20,000 rows are averaged), <c>svd</c> (all matrices, as the paper's code does), <c>mean</c> (averages every embedding or head too).
/// <c>svd</c>: <c>auto</c> (default: random projection when r ≥ 1024 and at most a third of the triplets is wanted), <c>exact</c>, <c>randomized</c>.
/// Directions that tasks share so closely that their combined singular value falls below 10⁻⁶ of the largest are dropped with a warning.
/// Throws when a change is not finite.
/// </remarks>
public sealed class Tsvm : MergeMethod
{
    private const int ManyRows = 20_000;

    private static readonly MethodParameter Alpha = MethodParameter.ForModel("alpha", 1, "factor of the task's change");
    private static readonly MethodParameter RankFraction = MethodParameter.Global("rank_fraction", 0, "share of the singular triplets kept per task; 0 for 1/T") with { Minimum = 0, Maximum = 1 };
    private static readonly MethodParameter Variant = MethodParameter.Choice("variant", "how the vectors of the tasks are put together", "polar", "eigen", "lowrank-sum", "lossless");
    private static readonly MethodParameter Embeddings = MethodParameter.Choice("embeddings", "what happens to embeddings and heads", "auto", "svd", "mean");
    private static readonly MethodParameter Svd = MethodParameter.Choice("svd", "which decomposition", "auto", "exact", "randomized");

    private enum EmbeddingRule
    {
        Auto,
        Svd,
        Mean,
    }

    /// <inheritdoc/>
    public override string Name => "tsvm";

    /// <inheritdoc/>
    public override string Summary => "many fine-tunes of one base: their strongest singular directions, made orthogonal";

    /// <inheritdoc/>
    public override string Paper => "Task Singular Vectors, arXiv 2412.00081";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Alpha, RankFraction, Variant, Embeddings, Svd];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        double[] alphas = tensor.GetAll(Alpha);
        var rule = (EmbeddingRule)(int)tensor.Get(Embeddings);
        return tensor.Shape.Length == 2 && !IsAveraged(tensor, rule)
            ? new Merger(tensor, alphas)
            : new MeanChangeMerger([.. alphas.Select(alpha => (float)alpha)], tensor.Rounding);
    }

    /// <summary>
    /// How much the leading singular vectors of several changes of one matrix get in each other's way:
    /// <c>‖(UᵀU − I) diag(S) (VᵀV − I)‖₁</c> (sum over entries) of the concatenated vectors; 0 for tasks in orthogonal spaces.
    /// </summary>
    /// <param name="changes">The changes of the tasks, each row-major [rows, columns].</param>
    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="columns">Columns of the matrix.</param>
    /// <param name="rank">Triplets per task; 0 for ⌊min(rows, columns)/T⌋.</param>
    public static double InterferenceScore(IReadOnlyList<float[]> changes, int rows, int columns, int rank = 0)
    {
        ArgumentNullException.ThrowIfNull(changes);
        rank = rank > 0 ? rank : Rank(Math.Min(rows, columns), changes.Count, 0);
        return TaskSingularVectors.Of(changes, rows, columns, rank, SvdKind.Exact, 0, 1).Interference();
    }

    /// <summary>
    /// TSV-Compress: one task's change by its k = ⌊r/T⌋ leading triplets, as factors <c>U·√S</c> (rows × k) and <c>√S·Vᵀ</c> (k × columns).
    /// </summary>
    /// <param name="change">The change, row-major [rows, columns].</param>
    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="columns">Columns of the matrix.</param>
    /// <param name="tasks">The number of tasks T that share the space.</param>
    public static LowRankFactors Compress(ReadOnlySpan<float> change, int rows, int columns, int tasks) =>
        LowRankFactors.Of(SpectralKit.Svd(change, rows, columns, Rank(Math.Min(rows, columns), tasks, 0), Environment.ProcessorCount));

    internal static int Rank(int smaller, int tasks, double fraction) => (int)(smaller * (fraction > 0 ? fraction : 1.0 / tasks));

    private static bool IsAveraged(TensorContext tensor, EmbeddingRule rule) => rule switch
    {
        EmbeddingRule.Svd => false,
        EmbeddingRule.Mean => tensor.IsEmbedding || tensor.Shape[0] > ManyRows,
        _ => tensor.Shape[0] > ManyRows,
    };

    private sealed class Merger(TensorContext tensor, double[] alphas) : SpectralMerger(tensor)
    {
        protected override Matrix Merge(float[][] tasks)
        {
            var variant = (TsvVariant)(int)Tensor.Get(Variant);
            int smaller = Math.Min(Rows, Columns);
            int rank = variant == TsvVariant.Lossless ? smaller : Rank(smaller, tasks.Length, Tensor.Get(RankFraction));
            var vectors = TaskSingularVectors.Of(tasks, Rows, Columns, rank, (SvdKind)(int)Tensor.Get(Svd), Seed, Tensor.Threads);
            for (int task = 0; task < tasks.Length; task++)
                vectors.Scale(task, tasks.Length, alphas[task]);
            Matrix merged = vectors.Merge(variant, out int dropped);
            WarnDropped(dropped);
            return merged;
        }
    }
}
