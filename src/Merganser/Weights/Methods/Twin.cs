using System.IO.Hashing;
using System.Numerics.Tensors;
using System.Text;

namespace Merganser.Weights.Methods;

/// <summary>
/// Twin-Merging, "Twin-Merging: Dynamic Integration of Modular Expertise in Model Merging", arXiv 2406.15479, in its static form: a shared expert
/// <c>θs = θ0 + λ Σ (θᵢ − θ0)</c> plus compressed parts <c>vᵢ = compress(θᵢ − θs)</c> in given proportions, <c>θ* = θs + Σ wᵢ vᵢ</c>.
/// With all weights 0 (the default) the result is the shared expert; weights that a router found for a kind of input give the model for that kind.
/// </summary>
/// <remarks>
/// <c>weight</c> (per model, default 0; a router's weights add up to 1), <c>lambda</c> (default 0.3), <c>density</c> (default 0.1; share of singular values,
/// or of entries, that is kept; 0 to 1), <c>compress</c>: <c>svd</c> (default; tensors of more than two axes as [dim0, rest]), <c>magnitude</c>, <c>bernoulli</c>
/// (random, from the seed). Tensors of one axis are not compressed. <see cref="TwinExpert"/> gives the parts themselves, as factors.
/// </remarks>
public sealed class Twin : MergeMethod
{
    private static readonly MethodParameter Weight = MethodParameter.ForModel("weight", 0, "share of the model's own part");
    private static readonly MethodParameter Lambda = MethodParameter.Global("lambda", 0.3, "factor of the summed changes in the shared expert");
    private static readonly MethodParameter Density = MethodParameter.Global("density", 0.1, "share of a model's own part that is kept") with { Minimum = 0, Maximum = 1 };
    private static readonly MethodParameter Compression = MethodParameter.Choice("compress", "how a model's own part is compressed", "svd", "magnitude", "bernoulli");

    /// <inheritdoc/>
    public override string Name => "twin";

    /// <inheritdoc/>
    public override string Summary => "a shared expert plus compressed parts of the models in given proportions";

    /// <inheritdoc/>
    public override string Paper => "Twin-Merging, arXiv 2406.15479";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Weight, Lambda, Density, Compression];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override bool IsRandom => true;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        double[] weights = tensor.GetAll(Weight);
        bool whole = tensor.Shape.Length < 2 || tensor.Get(Density) >= 1 || weights.All(weight => weight == 0);
        return new Merger(tensor, weights, whole);
    }

    private sealed class Merger(TensorContext tensor, double[] weights, bool uncompressed) : TensorMerger
    {
        private readonly float _lambda = (float)tensor.Get(Lambda);

        public override Granularity Granularity => uncompressed ? Granularity.Elements : Granularity.Tensor;

        public override bool IsStateless => uncompressed;

        public override void Apply(in Tile tile)
        {
            Span<float> shared = tile.Count <= Tile.MaxElements ? stackalloc float[tile.Count] : new float[tile.Count];
            shared.Clear();
            for (int model = 0; model < tile.ModelCount; model++)
            {
                TensorPrimitives.Add(shared, tile.Model(model), shared);
                TensorPrimitives.Subtract(shared, tile.Base, shared);
            }

            TensorPrimitives.Multiply(shared, _lambda, shared);
            TensorPrimitives.Add(shared, tile.Base, shared);
            Span<float> output = tile.Output;
            shared.CopyTo(output);
            for (int model = 0; model < tile.ModelCount; model++)
            {
                Span<float> own = tile.Model(model);
                TensorPrimitives.Subtract(own, shared, own);
                if (weights[model] == 0)
                    continue;
                if (uncompressed)
                {
                    TensorPrimitives.MultiplyAdd(own, (float)weights[model], output, output);
                    continue;
                }

                ulong seed = tensor.Seed ^ XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(tensor.Name), model);
                TwinExpert.Compress(own, tensor.Shape, tensor.Get(Density), (TwinCompression)(int)tensor.Get(Compression), seed, tensor.Threads)
                    .AddTo(output, (float)weights[model]);
            }

            tensor.Rounding.Apply(output);
        }
    }
}
