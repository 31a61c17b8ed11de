using System.Numerics;

namespace Merganser.Weights.Selection;

/// <summary>Adds to the base the mean of the changes above a threshold, for <see cref="Methods.Ram"/> and <see cref="Methods.RamPlus"/>.</summary>
internal sealed unsafe class ActiveMeanMerger : TensorMerger
{
    private readonly float _epsilon;
    private readonly double _strength;
    private readonly double _limit;
    private readonly Rounding _rounding;
    private readonly long[] _shared;
    private readonly long[] _unique;
    private readonly float[] _uniqueFactors;
    private bool _scanned;

    /// <summary>Makes a merger.</summary>
    /// <param name="models">Number of models.</param>
    /// <param name="epsilon">Changes up to this do not count.</param>
    /// <param name="strength">How much changes of one model alone are scaled up; 0 for not at all.</param>
    /// <param name="limit">The upper limit of the ratio of shared to unique changes.</param>
    /// <param name="rounding">Where to round.</param>
    public ActiveMeanMerger(int models, float epsilon, double strength, double limit, Rounding rounding)
    {
        _epsilon = epsilon;
        _strength = strength;
        _limit = limit;
        _rounding = rounding;
        _shared = new long[models];
        _unique = new long[models];
        _uniqueFactors = new float[models];
        Array.Fill(_uniqueFactors, 1);
    }

    /// <inheritdoc/>
    public override bool IsStateless => true;

    /// <inheritdoc/>
    public override ScanRequest NextScan()
    {
        if (_strength == 0 || _limit == 0)
            return ScanRequest.None;
        if (!_scanned)
        {
            _scanned = true;
            return ScanRequest.Full;
        }

        for (int model = 0; model < _uniqueFactors.Length; model++)
        {
            double ratio = _shared[model] / Math.Max((double)_unique[model], _epsilon);
            _uniqueFactors[model] = (float)(1 + (_strength * Math.Clamp(double.IsNaN(ratio) ? 0 : ratio, 0, _limit)));
        }

        return ScanRequest.None;
    }

    /// <inheritdoc/>
    public override void Scan(in Tile tile)
    {
        int models = _shared.Length;
        Span<WeightedInput> inputs = Inputs(tile, models <= 64 ? stackalloc WeightedInput[models] : new WeightedInput[models]);
        float* origin = TaskVectorKernels.Pointer(tile.Base);
        int index = 0;
        Span<Vector<int>> sharedCounts = models <= 64 ? stackalloc Vector<int>[models] : new Vector<int>[models];
        Span<Vector<int>> uniqueCounts = models <= 64 ? stackalloc Vector<int>[models] : new Vector<int>[models];
        sharedCounts.Clear();
        uniqueCounts.Clear();
        for (; index <= tile.Count - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<int> count = default;
            for (int model = 0; model < models; model++)
                count -= IsActive(Difference(inputs[model].Values, origin, index));
            Vector<int> isShared = Vector.GreaterThan(count, Vector<int>.One);
            for (int model = 0; model < models; model++)
            {
                Vector<int> isActive = IsActive(Difference(inputs[model].Values, origin, index));
                sharedCounts[model] -= isActive & isShared;
                uniqueCounts[model] -= Vector.AndNot(isActive, isShared);
            }
        }

        for (int model = 0; model < models; model++)
        {
            _shared[model] += Vector.Sum(sharedCounts[model]);
            _unique[model] += Vector.Sum(uniqueCounts[model]);
        }

        for (; index < tile.Count; index++)
        {
            int count = 0;
            for (int model = 0; model < models; model++)
                count += IsActive(inputs[model].Values[index], origin[index]) ? 1 : 0;
            for (int model = 0; model < models; model++)
            {
                if (IsActive(inputs[model].Values[index], origin[index]))
                    (count > 1 ? _shared : _unique)[model]++;
            }
        }
    }

    /// <inheritdoc/>
    public override void Apply(in Tile tile)
    {
        int models = _shared.Length;
        Span<WeightedInput> inputs = Inputs(tile, models <= 64 ? stackalloc WeightedInput[models] : new WeightedInput[models]);
        float* origin = TaskVectorKernels.Pointer(tile.Base);
        float* output = TaskVectorKernels.Pointer(tile.Output);
        int index = 0;
        if (!_rounding.IsNarrow)
        {
            for (; index <= tile.Count - Vector<float>.Count; index += Vector<float>.Count)
            {
                Vector<float> sum = default;
                Vector<float> scaled = default;
                Vector<int> count = default;
                foreach (ref readonly WeightedInput input in inputs)
                {
                    Vector<float> change = Difference(input.Values, origin, index);
                    Vector<int> active = IsActive(change);
                    change = (change.AsVectorInt32() & active).AsVectorSingle();
                    sum += change;
                    scaled += change * input.Factor;
                    count -= active;
                }

                // Where only one takes part, the sum of the scaled changes is its scaled change.
                Vector<float> divisor = Vector.ConvertToSingle(Vector.Max(count, Vector<int>.One));
                Vector<float> mean = Vector.ConditionalSelect(Vector.GreaterThan(count, Vector<int>.One), sum / divisor, scaled);
                Vector.Store(Vector.Load(origin + index) + mean, output + index);
            }
        }

        for (; index < tile.Count; index++)
        {
            float sum = 0;
            float scaled = 0;
            int count = 0;
            foreach (ref readonly WeightedInput input in inputs)
            {
                float change = _rounding.Apply(input.Values[index] - origin[index]);
                if (!(Math.Abs(change) > _epsilon))
                    continue;
                sum += change;
                scaled += _rounding.Apply(change * input.Factor);
                count++;
            }

            float mean = count > 1 ? _rounding.Apply(_rounding.Apply(sum) / count) : scaled;
            output[index] = _rounding.Apply(origin[index] + mean);
        }
    }

    private static Vector<float> Difference(float* values, float* origin, int index) => Vector.Load(values + index) - Vector.Load(origin + index);

    private Vector<int> IsActive(Vector<float> change) => Vector.GreaterThan(Vector.Abs(change), new Vector<float>(_epsilon));

    private bool IsActive(float value, float origin) => Math.Abs(value - origin) > _epsilon;

    private Span<WeightedInput> Inputs(in Tile tile, Span<WeightedInput> inputs)
    {
        for (int model = 0; model < inputs.Length; model++)
            inputs[model] = new WeightedInput(TaskVectorKernels.Pointer(tile.Model(model)), _uniqueFactors[model], 1);
        return inputs;
    }
}
