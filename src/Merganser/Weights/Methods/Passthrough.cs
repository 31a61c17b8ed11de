using System.Numerics.Tensors;

namespace Merganser.Weights.Methods;

/// <summary>One model per slice, copied: <c>θ* = scale · θ</c>. For models made of layers of several others. As in mergekit (`passthrough`).</summary>
/// <remarks><c>scale</c> (per model, default 1, any finite number). Without it every value is kept bit for bit.</remarks>
public sealed class Passthrough : MergeMethod
{
    private static readonly MethodParameter Scale = MethodParameter.ForModel("scale", 1, "factor of the tensor");

    /// <inheritdoc/>
    public override string Name => "passthrough";

    /// <inheritdoc/>
    public override string Summary => "one model per slice, copied or scaled: models stacked from layers of others";

    /// <inheritdoc/>
    public override string Paper => "mergekit, passthrough";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Scale];

    /// <inheritdoc/>
    public override int MaxModels => 1;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) => new Merger((float)tensor.GetAll(Scale)[0], tensor.Rounding);

    private sealed class Merger(float scale, Rounding rounding) : TensorMerger
    {
        public override bool IsStateless => true;

        public override void Apply(in Tile tile)
        {
            if (scale == 1)
            {
                tile.Model(0).CopyTo(tile.Output);
                return;
            }

            TensorPrimitives.Multiply(tile.Model(0), scale, tile.Output);
            rounding.Apply(tile.Output);
        }
    }
}
