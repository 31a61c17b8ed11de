using System.Numerics.Tensors;
using Merganser.Weights.Execution;

namespace Merganser.Weights.Selection;

/// <summary>How <see cref="TaskVectorMerger"/> combines the task vectors once they are sparse.</summary>
/// <param name="Weights">The factor of each model, one or more.</param>
/// <param name="Consensus">Elect a sign at each position and drop what disagrees.</param>
/// <param name="Normalize">Divide by the sum of the weights that take part.</param>
/// <param name="Rescale">Scale each sparse task vector to the sum of absolute values that it had before.</param>
/// <param name="Lambda">The factor of the sum.</param>
internal sealed record TaskVectorRule(float[] Weights, bool Consensus, bool Normalize, bool Rescale, double Lambda);

/// <summary>
/// The common arithmetic of the task-vector methods: <c>δᵢ = θᵢ − θ0</c>, made sparse, optionally rescaled, weighted,
/// optionally reduced to the elected signs, summed, divided, scaled by λ and added to the base.
/// </summary>
internal sealed unsafe class TaskVectorMerger : TensorMerger, IBFloat16Merger
{
    /// <summary>Below this sum of absolute values a task vector is not rescaled.</summary>
    private const double NegligibleSum = 1e-7;

    private readonly Sparsifier?[] _sparsifiers;
    private readonly TaskVectorRule _rule;
    private readonly Rounding _rounding;
    private readonly bool[] _wanted;
    private readonly double[] _sums;
    private readonly double[] _keptSums;
    private readonly float[] _scales;
    private readonly float _divisor;
    private StoredTaskVectors? _stored;
    private ScanKind _scanning;

    /// <summary>Makes a merger.</summary>
    /// <param name="sparsifiers">For each model what drops a part of its task vector; null to keep all of it.</param>
    /// <param name="rule">The arithmetic.</param>
    /// <param name="rounding">Where to round.</param>
    public TaskVectorMerger(Sparsifier?[] sparsifiers, TaskVectorRule rule, Rounding rounding)
    {
        _sparsifiers = sparsifiers;
        _rule = rule;
        _rounding = rounding;
        _wanted = new bool[sparsifiers.Length];
        _sums = new double[sparsifiers.Length];
        _keptSums = new double[sparsifiers.Length];
        _scales = new float[sparsifiers.Length];
        Array.Fill(_scales, 1);
        double sum = 0;
        foreach (float weight in rule.Weights)
            sum += weight;
        float divisor = rounding.Apply((float)sum);
        _divisor = rule.Normalize && Math.Abs(divisor) >= 1e-8 ? divisor : 1;
        foreach (Sparsifier? sparsifier in sparsifiers)
        {
            if (sparsifier is null)
                continue;
            Granularity = (Granularity)Math.Max((int)Granularity, (int)sparsifier.Granularity);
            IsStateless &= sparsifier.IsStateless;
        }
    }

    private enum ScanKind
    {
        Selecting,
        Summing,
        Done,
    }

    /// <inheritdoc/>
    public override Granularity Granularity { get; } = Granularity.Elements;

    /// <inheritdoc/>
    public override bool IsStateless { get; } = true;

    /// <inheritdoc/>
    public override ScanRequest NextScan()
    {
        if (_scanning == ScanKind.Selecting)
        {
            ScanRequest wanted = ScanRequest.None;
            for (int model = 0; model < _sparsifiers.Length; model++)
            {
                ScanRequest request = _sparsifiers[model]?.NextScan() ?? ScanRequest.None;
                _wanted[model] = request != ScanRequest.None;
                if (_wanted[model] && (wanted == ScanRequest.None || request.Stride < wanted.Stride))
                    wanted = request;
            }

            if (wanted != ScanRequest.None)
                return wanted;
            _scanning = ScanKind.Summing;
            if (_rule.Rescale && Array.Exists(_sparsifiers, sparsifier => sparsifier is not null))
            {
                BeginPass(isLast: false);
                return ScanRequest.Full;
            }
        }

        if (_scanning == ScanKind.Summing)
        {
            _scanning = ScanKind.Done;
            for (int model = 0; model < _scales.Length; model++)
            {
                if (_sums[model] >= NegligibleSum && _keptSums[model] >= NegligibleSum)
                    _scales[model] = (float)(_sums[model] / _keptSums[model]);
            }
        }

        BeginPass(isLast: true);
        return ScanRequest.None;
    }

    /// <inheritdoc/>
    public override void Scan(in Tile tile)
    {
        for (int model = 0; model < _sparsifiers.Length; model++)
        {
            Sparsifier? sparsifier = _sparsifiers[model];
            if (sparsifier is null || (_scanning == ScanKind.Selecting && !_wanted[model]))
                continue;
            Span<float> delta = Delta(tile, model);
            if (_scanning == ScanKind.Selecting)
            {
                sparsifier.Scan(delta);
                continue;
            }

            _sums[model] += AbsoluteSum.Of(delta);
            sparsifier.Apply(delta, tile.Start);
            _keptSums[model] += AbsoluteSum.Of(delta);
        }
    }

    /// <inheritdoc/>
    public override void Apply(in Tile tile)
    {
        if (_rounding.IsNarrow)
        {
            ApplyNarrow(tile);
            return;
        }

        bool sparse = _rule.Consensus;
        foreach (Sparsifier? sparsifier in _sparsifiers)
            sparse |= sparsifier is not null;

        float* origin = TaskVectorKernels.Pointer(tile.Base);
        float* output = TaskVectorKernels.Pointer(tile.Output);
        Span<WeightedInput> inputs = _scales.Length <= 64 ? stackalloc WeightedInput[_scales.Length] : new WeightedInput[_scales.Length];
        float scale = _rule.Consensus ? 1 : (float)(_rule.Lambda / _divisor);
        for (int model = 0; model < _scales.Length; model++)
        {
            Span<float> values = tile.Model(model);
            if (sparse)
            {
                Delta(tile, model);
                _sparsifiers[model]?.Apply(values, tile.Start);
            }

            inputs[model] = new WeightedInput(TaskVectorKernels.Pointer(values), _rule.Weights[model] * _scales[model] * scale, _rule.Weights[model]);
        }

        if (_rule.Consensus)
            TaskVectorKernels.AddElected(origin, inputs, (float)_rule.Lambda, _rule.Normalize, zeroIsNegative: false, output, tile.Count);
        else if (sparse)
            TaskVectorKernels.AddDeltas(origin, inputs, output, tile.Count);
        else
            TaskVectorKernels.AddDifferences(origin, inputs, output, tile.Count);
    }

    /// <inheritdoc/>
    public bool TryScan(in BFloat16Tile tile)
    {
        if (_rounding.IsNarrow)
            return false;
        StoredTaskVectors stored = _stored ??= new StoredTaskVectors(_sparsifiers, _rule);
        if (_scanning == ScanKind.Selecting)
            return stored.TryScan(tile, _wanted);
        if (stored.CanSelect)
            stored.Sum(tile, _sums, _keptSums);
        return stored.CanSelect;
    }

    /// <inheritdoc/>
    public bool TryApply(in BFloat16Tile tile)
    {
        if (_rounding.IsNarrow)
            return false;
        Span<float> factors = _scales.Length <= 64 ? stackalloc float[_scales.Length] : new float[_scales.Length];
        float scale = _rule.Consensus ? 1 : (float)(_rule.Lambda / _divisor);
        for (int model = 0; model < factors.Length; model++)
            factors[model] = _rule.Weights[model] * _scales[model] * scale;
        if (!_rule.Consensus && factors.Length <= 2 && !Array.Exists(_sparsifiers, sparsifier => sparsifier is not null))
            return tile.Run(new WeightedChanges(factors[0], factors[^1], factors.Length == 2));
        _stored ??= new StoredTaskVectors(_sparsifiers, _rule);
        return _stored.CanSelect && _stored.TryApply(tile, factors);
    }

    private void BeginPass(bool isLast)
    {
        foreach (Sparsifier? sparsifier in _sparsifiers)
            sparsifier?.BeginPass(isLast);
    }

    private Span<float> Delta(in Tile tile, int model)
    {
        Span<float> delta = tile.Model(model);
        TensorPrimitives.Subtract(delta, tile.Base, delta);
        _rounding.Apply(delta);
        return delta;
    }

    /// <summary>Rounds where narrow arithmetic does; sums over the models are rounded once.</summary>
    private void ApplyNarrow(in Tile tile)
    {
        for (int model = 0; model < _scales.Length; model++)
        {
            Span<float> delta = Delta(tile, model);
            _sparsifiers[model]?.Apply(delta, tile.Start);
            if (_scales[model] != 1)
                Multiply(delta, _scales[model]);
            Multiply(delta, _rule.Weights[model]);
        }

        for (int i = 0; i < tile.Count; i++)
        {
            float sum = 0;
            for (int model = 0; model < _scales.Length; model++)
                sum += tile.Model(model)[i];
            float divisor = _divisor;
            if (_rule.Consensus)
            {
                bool negative = _rounding.Apply(sum) < 0;
                sum = 0;
                divisor = 0;
                for (int model = 0; model < _scales.Length; model++)
                {
                    float term = tile.Model(model)[i];
                    if (negative ? term < 0 : term > 0)
                    {
                        sum += term;
                        divisor += _rule.Weights[model];
                    }
                }

                divisor = _rounding.Apply(divisor);
            }

            float mixed = _rounding.Apply(sum);
            if (_rule.Normalize)
                mixed = _rounding.Apply(mixed / (divisor == 0 ? 1 : divisor));
            mixed = _rounding.Apply(mixed * (float)_rule.Lambda);
            tile.Output[i] = _rounding.Apply(tile.Base[i] + mixed);
        }
    }

    private void Multiply(Span<float> values, float factor)
    {
        TensorPrimitives.Multiply(values, factor, values);
        _rounding.Apply(values);
    }
}
