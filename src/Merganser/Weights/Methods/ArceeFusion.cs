using System.Numerics.Tensors;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>
/// Takes over the important changes of one model: importance <c>I = |b − a|·KL</c>, with KL per row (last axis) <c>Σ P log(P/Q)</c>,
/// <c>P = softmax(b) + 10⁻⁸</c>, <c>Q = softmax(a) + 10⁻⁸</c>; <c>θ* = a + (b − a)·[I ≥ median + 1.5 (q₇₅ − q₂₅)]</c>, a the base. As in mergekit (`arcee_fusion`).
/// </summary>
/// <remarks>
/// No options. A quantile q is the element of rank ⌊q(N − 1)⌋. Quantiles are exact at any size (upstream samples above 10⁶ elements). In
/// narrow arithmetic every step is rounded but the last, as upstream, whose result is float32.
/// </remarks>
public sealed class ArceeFusion : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "arcee_fusion";

    /// <inheritdoc/>
    public override string Summary => "the base plus the changes of one model that stand out; nothing to tune";

    /// <inheritdoc/>
    public override string Paper => "mergekit, arcee_fusion";

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override int MaxModels => 1;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) => new Merger(tensor);

    private sealed class Merger(TensorContext tensor) : TensorMerger
    {
        private readonly int _length = tensor.RowLength;
        private readonly Rounding _rounding = tensor.Rounding;
        private readonly float[] _divergence = new float[tensor.RowCount];
        private readonly OrderStatistics _quantiles = new(Rank(tensor, 1), Rank(tensor, 2), Rank(tensor, 3));
        private int _pass;
        private float _threshold;
        private float[] _scratch = [];

        public override Granularity Granularity => Granularity.Rows;

        public override ScanRequest NextScan()
        {
            if (_pass is 1 or 2)
                _quantiles.EndPass();
            if (_pass++ < 2 && tensor.ElementCount > 0)
                return ScanRequest.Full;
            if (_quantiles.IsDone)
            {
                float range = _rounding.Apply(_quantiles[2] - _quantiles[0]);
                _threshold = _rounding.Apply(_quantiles[1] + _rounding.Apply(1.5f * range));
            }

            return ScanRequest.None;
        }

        public override void Scan(in Tile tile)
        {
            if (_scratch.Length < Math.Max(tile.Count, 2 * _length))
                _scratch = new float[Math.Max(tile.Count, 2 * _length)];
            if (_pass == 1)
            {
                for (int start = 0; start < tile.Count; start += _length)
                {
                    _divergence[(tile.Start + start) / _length] = Divergence(
                        tile.Model(0).Slice(start, _length), tile.Base.Slice(start, _length), _scratch.AsSpan(0, _length), _scratch.AsSpan(_length, _length));
                }
            }

            Span<float> importance = _scratch.AsSpan(0, tile.Count);
            Importance(tile, importance);
            _quantiles.Observe(importance);
        }

        public override void Apply(in Tile tile)
        {
            Span<float> output = tile.Output;
            Importance(tile, output);
            Span<float> change = tile.Model(0);
            for (int i = 0; i < output.Length; i++)
                output[i] = tile.Base[i] + (output[i] >= _threshold ? change[i] : 0);
        }

        private static long Rank(TensorContext tensor, int quarters) => (long)(quarters * 0.25 * (tensor.ElementCount - 1));

        /// <summary>|b − a|·KL; leaves b − a in place of the model.</summary>
        private void Importance(in Tile tile, Span<float> importance)
        {
            Span<float> change = tile.Model(0);
            TensorPrimitives.Subtract(change, tile.Base, change);
            _rounding.Apply(change);
            TensorPrimitives.Abs(change, importance);
            for (int start = 0; start < tile.Count; start += _length)
            {
                Span<float> row = importance.Slice(start, _length);
                TensorPrimitives.Multiply(row, _divergence[(tile.Start + start) / _length], row);
            }

            _rounding.Apply(importance);
        }

        private float Divergence(ReadOnlySpan<float> model, ReadOnlySpan<float> origin, Span<float> p, Span<float> q)
        {
            if (!_rounding.IsNarrow)
                return (float)ExactDivergence(model, origin);
            NarrowSoftmax(model, p);
            NarrowSoftmax(origin, q);
            TensorPrimitives.Divide(p, q, q);
            _rounding.Apply(q);
            TensorPrimitives.Log(q, q);
            _rounding.Apply(q);
            TensorPrimitives.Multiply(p, q, q);
            _rounding.Apply(q);
            double sum = 0;
            foreach (float term in q)
                sum += term;
            return _rounding.Apply((float)sum);
        }

        private void NarrowSoftmax(ReadOnlySpan<float> values, Span<float> target)
        {
            double largest = TensorPrimitives.Max(values), sum = 0;
            foreach (float value in values)
                sum += Math.Exp(value - largest);
            for (int i = 0; i < values.Length; i++)
                target[i] = _rounding.Apply(_rounding.Apply((float)(Math.Exp(values[i] - largest) / sum)) + 1e-8f);
        }

        private static double ExactDivergence(ReadOnlySpan<float> model, ReadOnlySpan<float> origin)
        {
            double largestP = TensorPrimitives.Max(model), largestQ = TensorPrimitives.Max(origin);
            double sumP = 0, sumQ = 0, divergence = 0;
            for (int i = 0; i < model.Length; i++)
            {
                sumP += Math.Exp(model[i] - largestP);
                sumQ += Math.Exp(origin[i] - largestQ);
            }

            for (int i = 0; i < model.Length; i++)
            {
                double p = (Math.Exp(model[i] - largestP) / sumP) + 1e-8;
                double q = (Math.Exp(origin[i] - largestQ) / sumQ) + 1e-8;
                divergence += p * Math.Log(p / q);
            }

            return divergence;
        }
    }
}
