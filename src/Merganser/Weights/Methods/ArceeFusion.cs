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

        /// <summary>
        /// Σ P log(P/Q) in float32 steps: the sum is so small a difference of large terms that the rounding of the softmax decides
        /// in its fourth digit, and with it elements at the threshold; these steps select what upstream selects.
        /// </summary>
        private float Divergence(ReadOnlySpan<float> model, ReadOnlySpan<float> origin, Span<float> p, Span<float> q)
        {
            Softmax(model, p);
            Softmax(origin, q);
            double sum = 0;
            for (int i = 0; i < p.Length; i++)
            {
                float ratio = _rounding.Apply((float)Math.Log(_rounding.Apply(p[i] / q[i])));
                sum += _rounding.Apply(p[i] * ratio);
            }

            return _rounding.Apply((float)sum);
        }

        private void Softmax(ReadOnlySpan<float> values, Span<float> target)
        {
            float largest = TensorPrimitives.Max(values);
            double sum = 0;
            for (int i = 0; i < values.Length; i++)
            {
                target[i] = (float)Math.Exp(values[i] - largest);
                sum += target[i];
            }

            float reciprocal = 1 / (float)sum;
            for (int i = 0; i < values.Length; i++)
                target[i] = _rounding.Apply(_rounding.Apply(target[i] * reciprocal) + 1e-8f);
        }
    }
}
