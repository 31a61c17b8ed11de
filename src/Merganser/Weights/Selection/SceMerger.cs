using System.Numerics;
using System.Numerics.Tensors;
using Merganser.Weights.Execution;

namespace Merganser.Weights.Selection;

/// <summary>Merges one tensor by select, calculate, erase; the rules are in the documentation of <see cref="Methods.Sce"/>.</summary>
internal sealed unsafe class SceMerger : TensorMerger, IBFloat16Merger
{
    private const float SmallestSum = 1e-6f;

    private const int Pair = 2;

    private readonly MagnitudeSelect? _select;
    private readonly double _topk;

    // Stored pairs are surveyed instead of scanned twice; null when that is out of the question.
    private SceSurvey? _survey;
    private TieCut? _ties;
    private readonly bool _selectsDeltas;
    private readonly Rounding _rounding;
    private readonly double[] _squares;
    private readonly float[] _variances = new float[Tile.MaxElements];
    private readonly long _count;
    private MagnitudeCut _cut;
    private Stage _stage;
    private bool _isSampled;

    /// <summary>Makes a merger.</summary>
    /// <param name="count">Elements of the tensor.</param>
    /// <param name="models">Number of models.</param>
    /// <param name="topk">The share of the positions to select.</param>
    /// <param name="selectsDeltas">The selection acts on task vectors, not on weights alone.</param>
    /// <param name="rounding">Where to round.</param>
    public SceMerger(long count, int models, double topk, bool selectsDeltas, Rounding rounding)
    {
        _count = count;
        _topk = topk;
        _selectsDeltas = selectsDeltas;
        _rounding = rounding;
        _squares = new double[models];
        Weights = new float[models];
        if (topk < 1)
            _select = new MagnitudeSelect(count, varied => (long)(topk * varied));
        if (models == Pair && !rounding.IsNarrow)
            _survey = new SceSurvey();
        if (topk >= 1)
            _survey?.SelectAll();
    }

    private enum Stage
    {
        Selecting,
        Squaring,
        Done,
    }

    /// <summary>The weights, once everything has been scanned.</summary>
    public float[] Weights { get; }

    /// <inheritdoc/>
    public override bool IsStateless => _select is null;

    /// <inheritdoc/>
    public override ScanRequest NextScan()
    {
        if (_survey is { IsUsed: true } && EndSurvey())
        {
            _stage = Stage.Done;
            Weigh();
            return ScanRequest.None;
        }

        if (_stage == Stage.Selecting)
        {
            if (_select?.NextScan() is { } request && request != ScanRequest.None)
            {
                if (_isSampled && _survey is { IsReady: false })
                    _survey.Bracket(_topk);
                return request;
            }

            if (_select is not null)
                _survey = null;
            _stage = Stage.Squaring;
            BeginPass();
            return ScanRequest.Full;
        }

        _stage = Stage.Done;
        Weigh();
        BeginPass();
        return ScanRequest.None;
    }

    /// <inheritdoc/>
    public override void Scan(in Tile tile)
    {
        Differences(tile);
        if (_stage == Stage.Selecting)
        {
            Span<float> variances = Variances(tile);
            _select!.Scan(variances);
            if (_select.IsSampling && _survey is not null)
            {
                _survey.Sample(variances);
                _isSampled = true;
            }

            return;
        }

        Mask(tile);
        for (int model = 0; model < _squares.Length; model++)
            _squares[model] += AbsoluteSum.OfSquares(tile.Model(model));
    }

    /// <inheritdoc/>
    public override void Apply(in Tile tile)
    {
        Differences(tile);
        if (_selectsDeltas)
            Mask(tile);
        if (_rounding.IsNarrow)
        {
            ApplyNarrow(tile);
            return;
        }

        // Signs are elected by the plain sum: the factor 1 for the vote and the weight for the mean must stay apart.
        int models = _squares.Length;
        Span<WeightedInput> inputs = models <= 64 ? stackalloc WeightedInput[models] : new WeightedInput[models];
        for (int model = 0; model < models; model++)
            inputs[model] = new WeightedInput(TaskVectorKernels.Pointer(tile.Model(model)), 1, Weights[model]);
        TaskVectorKernels.AddElectedMean(
            TaskVectorKernels.Pointer(tile.Base), inputs, _selectsDeltas ? SmallestSum : 0, TaskVectorKernels.Pointer(tile.Output), tile.Count);
    }

    /// <inheritdoc/>
    public bool TryScan(in BFloat16Tile tile)
    {
        if (_survey is not { IsReady: true } || !tile.HasBase)
            return false;
        _survey.Observe(tile.Base, tile.Model(0), tile.Model(1), tile.Count);
        return true;
    }

    /// <inheritdoc/>
    public bool TryApply(in BFloat16Tile tile)
    {
        if (_squares.Length != Pair || _rounding.IsNarrow || !tile.HasBase || (_select is not null && _selectsDeltas && _ties is null))
            return false;
        TieCut before = _ties ?? new TieCut(0, 1, 1);
        TieCut ties = _selectsDeltas ? before : new TieCut(0, 1, 1);
        var divisors = new SceDivisors(Weights[0], Weights[1], _selectsDeltas ? SmallestSum : 0);
        if (!SceStored.Apply(tile, ref ties, divisors))
            return false;
        if (_ties is not null && _selectsDeltas)
            _ties = ties;
        return true;
    }

    private bool EndSurvey()
    {
        SceSurvey survey = _survey!;
        _survey = null;
        if (_select is not null)
        {
            _ties = survey.Resolve((long)(_topk * survey.Varied(_count)));
            if (_ties is null)
            {
                survey.Release();
                return false;
            }
        }

        (_squares[0], _squares[1]) = survey.Squares;
        survey.Release();
        return true;
    }

    private void BeginPass()
    {
        if (_select is not null)
            _cut = _select.Cut;
    }

    private void Differences(in Tile tile)
    {
        for (int model = 0; model < _squares.Length; model++)
        {
            Span<float> delta = tile.Model(model);
            TensorPrimitives.Subtract(delta, tile.Base, delta);
            _rounding.Apply(delta);
        }
    }

    private void Weigh()
    {
        double sum = 0;
        for (int model = 0; model < _squares.Length; model++)
            sum += _squares[model] /= Math.Max(1, _count);
        bool equal = _selectsDeltas ? sum < SmallestSum : sum == 0;
        for (int model = 0; model < _squares.Length; model++)
            Weights[model] = _rounding.Apply((float)(equal ? 1.0 / _squares.Length : _squares[model] / sum));
    }

    /// <summary>Population variance over the models at each position; exactly 0 where all are equal.</summary>
    private Span<float> Variances(in Tile tile)
    {
        int count = tile.Count;
        int models = _squares.Length;
        float** inputs = stackalloc float*[Math.Min(models, 64)];
        float*[]? many = models > 64 ? new float*[models] : null;
        for (int model = 0; model < models; model++)
        {
            float* pointer = TaskVectorKernels.Pointer(tile.Model(model));
            if (many is null)
                inputs[model] = pointer;
            else
                many[model] = pointer;
        }

        fixed (float** heap = many)
        fixed (float* variances = _variances)
        {
            float** pointers = many is null ? inputs : heap;
            int index = models == 2 ? PairVariances(pointers[0], pointers[1], variances, count) : 0;
            for (; index <= count - Vector<float>.Count; index += Vector<float>.Count)
            {
                Vector<float> mean = Vector.Load(pointers[0] + index);
                Vector<float> spread = default;
                for (int model = 1; model < models; model++)
                {
                    Vector<float> value = Vector.Load(pointers[model] + index);
                    Vector<float> step = value - mean;
                    mean += step * (1f / (model + 1));
                    spread += step * (value - mean);
                }

                Vector.Store(spread * (1f / models), variances + index);
            }

            for (; index < count; index++)
            {
                float mean = pointers[0][index];
                float spread = 0;
                for (int model = 1; model < models; model++)
                {
                    float step = pointers[model][index] - mean;
                    mean += step * (1f / (model + 1));
                    spread += step * (pointers[model][index] - mean);
                }

                variances[index] = spread * (1f / models);
            }
        }

        return _variances.AsSpan(0, count);
    }

    /// <summary>The same for two models, whole vectors only; returns how many elements are done.</summary>
    private static int PairVariances(float* first, float* second, float* variances, int count)
    {
        int index = 0;
        for (; index <= count - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<float> mean = Vector.Load(first + index);
            Vector<float> value = Vector.Load(second + index);
            Vector<float> step = value - mean;
            mean += step * 0.5f;
            Vector.Store((Vector<float>.Zero + (step * (value - mean))) * 0.5f, variances + index);
        }

        return index;
    }

    /// <summary>Sets the task vectors to 0 where the position is not selected.</summary>
    private void Mask(in Tile tile)
    {
        if (_select is null)
            return;
        Span<float> selected = Variances(tile);
        if (_ties is { } ties)
        {
            ties.Keep(selected);
            _ties = ties;
        }
        else
        {
            _cut.Keep(selected);
        }

        for (int model = 0; model < _squares.Length; model++)
            TaskVectorKernels.KeepWhereNotZero(TaskVectorKernels.Pointer(tile.Model(model)), selected);
    }

    private void ApplyNarrow(in Tile tile)
    {
        for (int i = 0; i < tile.Count; i++)
        {
            float vote = 0;
            for (int model = 0; model < Weights.Length; model++)
                vote += tile.Model(model)[i];
            vote = _rounding.Apply(vote);
            float mixed = 0;
            float divisor = 0;
            for (int model = 0; model < Weights.Length; model++)
            {
                float value = tile.Model(model)[i];
                if (vote < 0 ? value < 0 : value > 0)
                {
                    mixed += _rounding.Apply(value * Weights[model]);
                    divisor += Weights[model];
                }
            }

            divisor = _rounding.Apply(divisor);
            divisor = _selectsDeltas ? Math.Max(divisor, SmallestSum) : divisor == 0 ? 1 : divisor;
            tile.Output[i] = _rounding.Apply(tile.Base[i] + _rounding.Apply(_rounding.Apply(mixed) / divisor));
        }
    }
}
