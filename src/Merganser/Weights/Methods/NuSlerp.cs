using System.Numerics.Tensors;
using Merganser.Weights.Spheres;

namespace Merganser.Weights.Methods;

/// <summary>
/// Spherical interpolation of two models by their weights, <c>t = w₂/(w₁ + w₂)</c> (0.5 when the sum is below 10⁻⁶), of whole
/// tensors, of rows or of columns; with a base, of the differences from it. As in mergekit (`nuslerp`).
/// </summary>
/// <remarks>
/// <c>weight</c> (per model) must be set. <c>nuslerp_flatten</c> (default true): the whole tensor is one vector. Without it
/// every slice along the last axis is a vector of its own, or with <c>nuslerp_row_wise</c> (default false) every slice along
/// the first axis; the name says the opposite, recipes rely on it. Parallel vectors (|sin θ| &lt; 10⁻⁸) are interpolated linearly.
/// </remarks>
public sealed class NuSlerp : MergeMethod
{
    private static readonly MethodParameter Weight = MethodParameter.ForModel("weight", null, "factor of the model; only their ratio counts");
    private static readonly MethodParameter RowWise = MethodParameter.Switch("nuslerp_row_wise", false, "vectors along the first axis instead of the last");
    private static readonly MethodParameter Flatten = MethodParameter.Switch("nuslerp_flatten", true, "the whole tensor is one vector");

    /// <inheritdoc/>
    public override string Name => "nuslerp";

    /// <inheritdoc/>
    public override string Summary => "two models or their changes, interpolated along the arc: whole tensors, rows or columns";

    /// <inheritdoc/>
    public override string Paper => "mergekit, nuslerp";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Weight, RowWise, Flatten];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Optional;

    /// <inheritdoc/>
    public override int MinModels => 2;

    /// <inheritdoc/>
    public override int MaxModels => 2;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        double[] weights = tensor.GetAll(Weight);
        double sum = weights[0] + weights[1];
        double t = Math.Abs(sum) < 1e-6 ? 0.5 : weights[1] / sum;
        if (tensor.IsOn(Flatten))
        {
            return new GramMerger(2, baseFirst: false, tensor.Rounding, gram =>
            {
                (double first, double second) = Factors(gram[0, 0], gram[0, 1], gram[1, 1], t);
                return [first, second];
            });
        }

        if (tensor.IsOn(RowWise) && tensor.Shape.Length > 0)
            return new FirstAxisMerger(tensor, t);
        return new LastAxisMerger(tensor, t);
    }

    private static (double First, double Second) Factors(double aa, double ab, double bb, double t)
    {
        double cosine = Math.Clamp(ab / (Math.Max(Math.Sqrt(aa), 1e-7) * Math.Max(Math.Sqrt(bb), 1e-7)), -1, 1);
        double angle = Math.Acos(cosine);
        double sine = Math.Sin(angle);
        return Math.Abs(sine) < 1e-8 ? (1 - t, t) : (Math.Sin((1 - t) * angle) / sine, Math.Sin(t * angle) / sine);
    }

    private static void Subtract(in Tile tile)
    {
        if (tile.Base.IsEmpty)
            return;
        TensorPrimitives.Subtract(tile.Model(0), tile.Base, tile.Model(0));
        TensorPrimitives.Subtract(tile.Model(1), tile.Base, tile.Model(1));
    }

    private static void Finish(in Tile tile, Rounding rounding)
    {
        if (!tile.Base.IsEmpty)
            TensorPrimitives.Add(tile.Output, tile.Base, tile.Output);
        rounding.Apply(tile.Output);
    }

    /// <summary>Every row by itself.</summary>
    private sealed class LastAxisMerger(TensorContext tensor, double t) : TensorMerger
    {
        private readonly int _length = tensor.RowLength;
        private readonly Rounding _rounding = tensor.Rounding;

        public override Granularity Granularity => Granularity.Rows;

        public override bool IsStateless => true;

        public override void Apply(in Tile tile)
        {
            Subtract(tile);
            for (int start = 0; start < tile.Count; start += _length)
            {
                Span<float> a = tile.Model(0).Slice(start, _length);
                Span<float> b = tile.Model(1).Slice(start, _length);
                Span<float> output = tile.Output.Slice(start, _length);
                (double first, double second) = Factors(Reductions.Dot(a, a), Reductions.Dot(a, b), Reductions.Dot(b, b), t);
                TensorPrimitives.Multiply(a, (float)first, output);
                TensorPrimitives.MultiplyAdd(b, (float)second, output, output);
            }

            Finish(tile, _rounding);
        }
    }

    /// <summary>Every position behind the first axis by itself: sums per position in a scan, then the combination.</summary>
    private sealed class FirstAxisMerger : TensorMerger
    {
        private readonly int _length;
        private readonly double _t;
        private readonly Rounding _rounding;
        private readonly double[] _aa;
        private readonly double[] _ab;
        private readonly double[] _bb;
        private float[] _first = [];
        private float[] _second = [];
        private bool _scanned;

        public FirstAxisMerger(TensorContext tensor, double t)
        {
            _length = tensor.Shape[0] == 0 ? 0 : checked((int)(tensor.ElementCount / tensor.Shape[0]));
            _t = t;
            _rounding = tensor.Rounding;
            _aa = new double[_length];
            _ab = new double[_length];
            _bb = new double[_length];
        }

        public override ScanRequest NextScan()
        {
            if (!_scanned)
            {
                _scanned = true;
                return ScanRequest.Full;
            }

            _first = new float[_length];
            _second = new float[_length];
            for (int i = 0; i < _length; i++)
            {
                (double first, double second) = Factors(_aa[i], _ab[i], _bb[i], _t);
                _first[i] = (float)first;
                _second[i] = (float)second;
            }

            return ScanRequest.None;
        }

        public override void Scan(in Tile tile)
        {
            Subtract(tile);
            for (int start = 0; start < tile.Count;)
            {
                int position = (int)((tile.Start + start) % _length);
                int count = Math.Min(_length - position, tile.Count - start);
                ReadOnlySpan<float> a = tile.Model(0).Slice(start, count);
                ReadOnlySpan<float> b = tile.Model(1).Slice(start, count);
                Reductions.AddProducts(a, a, _aa.AsSpan(position));
                Reductions.AddProducts(a, b, _ab.AsSpan(position));
                Reductions.AddProducts(b, b, _bb.AsSpan(position));
                start += count;
            }
        }

        public override void Apply(in Tile tile)
        {
            Subtract(tile);
            for (int start = 0; start < tile.Count;)
            {
                int position = (int)((tile.Start + start) % _length);
                int count = Math.Min(_length - position, tile.Count - start);
                Span<float> output = tile.Output.Slice(start, count);
                TensorPrimitives.Multiply(tile.Model(0).Slice(start, count), _first.AsSpan(position, count), output);
                TensorPrimitives.MultiplyAdd(tile.Model(1).Slice(start, count), _second.AsSpan(position, count), output, output);
                start += count;
            }

            Finish(tile, _rounding);
        }
    }
}
