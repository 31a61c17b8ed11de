using System.Numerics;
using System.Numerics.Tensors;
using Merganser.Weights.Execution;

namespace Merganser.Weights.Methods;

/// <summary>
/// Weighted average of models: <c>θ* = Σ wᵢ θᵢ / Σ wᵢ</c>, or without the division.
/// "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time", arXiv 2203.05482.
/// </summary>
/// <remarks>
/// <c>weight</c> (per model, any finite number) must be set; <c>normalize</c> (default true) divides by the sum of the weights.
/// Throws when the sum is 0 and <c>normalize</c> is on.
/// </remarks>
public sealed class Linear : MergeMethod
{
    private static readonly MethodParameter Weight = MethodParameter.ForModel("weight", null, "factor of the model");
    private static readonly MethodParameter Normalize = MethodParameter.Switch("normalize", true, "divide by the sum of the weights");

    /// <inheritdoc/>
    public override string Name => "linear";

    /// <inheritdoc/>
    public override string Summary => "weighted average of any number of models";

    /// <inheritdoc/>
    public override string Paper => "Model soups, arXiv 2203.05482";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Weight, Normalize];

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        float[] weights = [.. tensor.GetAll(Weight).Select(weight => tensor.Rounding.Apply((float)weight))];
        double sum = 1;
        if (tensor.IsOn(Normalize))
        {
            sum = weights.Sum(weight => (double)weight);
            if (sum == 0)
                throw new MerganserException($"{tensor.Name}: the weights add up to 0; set 'normalize: false' or change them");
        }

        return new Merger(weights, (float)sum, tensor.IsOn(Normalize), tensor.Rounding);
    }

    /// <summary>The one model that the result equals: its weight is 1 and all others are 0. Null when there is none.</summary>
    internal static int? OnlyModel(ParameterSet parameters, int models)
    {
        int? only = null;
        for (int model = 0; model < models; model++)
        {
            double weight = parameters.Get(Weight, model);
            if (weight == 0)
                continue;
            if (weight != 1 || only is not null)
                return null;
            only = model;
        }

        return only;
    }

    private sealed class Merger(float[] weights, float sum, bool normalize, Rounding rounding) : TensorMerger, IBFloat16Merger
    {
        public override bool IsStateless => true;

        public override void Apply(in Tile tile)
        {
            Span<float> output = tile.Output;
            if (rounding.IsNarrow)
            {
                ApplyNarrow(tile, output);
                return;
            }

            if (tile.ModelCount == 2)
            {
                AddTwo(tile.Model(0), tile.Model(1), output);
            }
            else
            {
                TensorPrimitives.Multiply(tile.Model(0), weights[0], output);
                for (int model = 1; model < tile.ModelCount; model++)
                    TensorPrimitives.MultiplyAdd(tile.Model(model), weights[model], output, output);
            }

            if (normalize && sum != 1)
                TensorPrimitives.Divide(output, sum, output);
        }

        public bool TryApply(in BFloat16Tile tile)
        {
            if (rounding.IsNarrow)
                return false;
            bool divide = normalize && sum != 1;
            if (weights.Length == 1)
            {
                var one = new WeightedOne(weights[0]);
                return divide ? tile.Run(new Quotient<WeightedOne>(one, sum)) : tile.Run(one);
            }

            var two = new WeightedSum(weights[0], weights[1]);
            return divide ? tile.Run(new Quotient<WeightedSum>(two, sum)) : tile.Run(two);
        }

        /// <summary>The usual case in one visit of the output; the same operations in the same order.</summary>
        private void AddTwo(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> output)
        {
            var first = new Vector<float>(weights[0]);
            var second = new Vector<float>(weights[1]);
            int index = 0;
            for (; index <= output.Length - Vector<float>.Count; index += Vector<float>.Count)
                ((new Vector<float>(a[index..]) * first) + (new Vector<float>(b[index..]) * second)).CopyTo(output[index..]);
            for (; index < output.Length; index++)
                output[index] = (a[index] * weights[0]) + (b[index] * weights[1]);
        }

        /// <summary>Rounds where mergekit does: every product, the sum over the models once, the quotient.</summary>
        private void ApplyNarrow(in Tile tile, Span<float> output)
        {
            output.Clear();
            for (int model = 0; model < tile.ModelCount; model++)
            {
                Span<float> product = tile.Model(model);
                TensorPrimitives.Multiply(product, weights[model], product);
                rounding.Apply(product);
                TensorPrimitives.Add(output, product, output);
            }

            rounding.Apply(output);
            if (normalize)
            {
                TensorPrimitives.Divide(output, rounding.Apply(sum), output);
                rounding.Apply(output);
            }
        }
    }
}
