using System.Numerics.Tensors;
using Merganser.Weights.Spheres;

namespace Merganser.Weights.Methods;

/// <summary>
/// Model Stock, "Model Stock: All we need is just a few fine-tuned models", arXiv 2403.19522: between base and mean of N
/// models, as far as the angle between their changes oᵢ allows. <c>cos θ</c> = mean over pairs of <c>oᵢ·oⱼ/max(‖oᵢ‖‖oⱼ‖, 10⁻⁶)</c>,
/// <c>t = N cos θ / (1 + (N − 1) cos θ)</c>, <c>θ* = t·mean(θᵢ) + (1 − t)·θ0</c>.
/// </summary>
/// <remarks>
/// <c>filter_wise</c> (default false): every row (last axis) has its own angle; otherwise the tensor is one vector. No options
/// to tune. Where the denominator vanishes (changes that cancel exactly) t is taken as 0: the base.
/// </remarks>
public sealed class ModelStock : MergeMethod
{
    private static readonly MethodParameter FilterWise = MethodParameter.Switch("filter_wise", false, "an angle for every row");

    /// <inheritdoc/>
    public override string Name => "model_stock";

    /// <inheritdoc/>
    public override string Summary => "a few fine-tunes of one base, pulled towards it as their changes disagree; nothing to tune";

    /// <inheritdoc/>
    public override string Paper => "Model Stock, arXiv 2403.19522";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [FilterWise];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override int MinModels => 2;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        int count = tensor.Models.Length;
        return tensor.IsOn(FilterWise) && tensor.Shape.Length > 1
            ? new RowMerger(tensor)
            : new GramMerger(count, baseFirst: false, tensor.Rounding, gram => [.. Enumerable.Repeat(Factor(gram), count)]);
    }

    /// <summary>What every change is multiplied by: t/N.</summary>
    private static double Factor(GramMatrix gram)
    {
        int count = gram.Count;
        double sum = 0;
        for (int i = 1; i < count; i++)
        {
            for (int j = 0; j < i; j++)
                sum += Math.Clamp(gram[i, j] / Math.Max(gram.Norm(i) * gram.Norm(j), 1e-6), -1, 1);
        }

        double cosine = count > 1 ? sum / (count * (count - 1) / 2.0) : 1;
        double denominator = 1 + ((count - 1) * cosine);
        return Math.Abs(denominator) < 1e-8 ? 0 : cosine / denominator;
    }

    private sealed class RowMerger(TensorContext tensor) : TensorMerger
    {
        private readonly int _length = tensor.RowLength;
        private readonly int _count = tensor.Models.Length;
        private readonly Rounding _rounding = tensor.Rounding;

        public override Granularity Granularity => Granularity.Rows;

        public override bool IsStateless => true;

        public override void Apply(in Tile tile)
        {
            var gram = new GramMatrix(_count);
            for (int i = 0; i < _count; i++)
                TensorPrimitives.Subtract(tile.Model(i), tile.Base, tile.Model(i));
            for (int start = 0; start < tile.Count; start += _length)
            {
                gram.Clear();
                for (int i = 0; i < _count; i++)
                {
                    for (int j = 0; j <= i; j++)
                        gram.Add(i, j, tile.Model(i).Slice(start, _length), tile.Model(j).Slice(start, _length));
                }

                float factor = (float)Factor(gram);
                Span<float> output = tile.Output.Slice(start, _length);
                tile.Base.Slice(start, _length).CopyTo(output);
                for (int i = 0; i < _count; i++)
                    TensorPrimitives.MultiplyAdd(tile.Model(i).Slice(start, _length), factor, output, output);
            }

            _rounding.Apply(tile.Output);
        }
    }
}
