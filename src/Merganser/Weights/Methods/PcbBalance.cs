using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using Merganser.Weights.Execution;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>Which of the published scripts of PCB-Merging is followed.</summary>
internal enum PcbVariant
{
    /// <summary>The top-level script.</summary>
    Main,

    /// <summary>The evolution-search script.</summary>
    Es,

    /// <summary>The vision script.</summary>
    Vision,
}

/// <summary>
/// The coefficients of PCB-Merging for streamed task vectors: first the bounds that they depend on, then every element's coefficient follows by
/// itself. The <c>main</c> variant finds its bounds by a <see cref="PcbSurvey"/>. The others, and it too should the survey fail, take four
/// passes (two for the bounds of |T|, two for the bound and the maximum of the product P of each task).
/// </summary>
internal sealed class PcbBalance
{
    /// <summary>Elements that all threads together keep at most in one list of each task; twelve bytes each.</summary>
    private const int MostKept = 16 << 20;

    private readonly int _tasks;
    private readonly PcbVariant _variant;
    private readonly OrderStatistics[] _magnitudes;
    private readonly OrderStatistics[] _products;
    private readonly float[] _low;
    private readonly float[] _high;
    private readonly float[] _floor;
    private readonly float[] _ceiling;
    private readonly long _count;
    private readonly long _sampleElements;
    private PcbSurvey? _survey;
    private Stage _stage;

    /// <summary>Prepares for <paramref name="count"/> elements per task.</summary>
    public PcbBalance(int tasks, long count, PcbVariant variant, double ratio, double clamp, long sampleElements = 0)
    {
        _tasks = tasks;
        _variant = variant;
        _low = new float[tasks];
        _high = new float[tasks];
        _floor = new float[tasks];
        _ceiling = new float[tasks];
        _magnitudes = [.. Enumerable.Range(0, tasks).Select(_ => new OrderStatistics(LowRank(count, clamp), HighRank(count, clamp)))];
        _products = [.. Enumerable.Range(0, tasks).Select(_ => new OrderStatistics(LowRank(count, 1 - ratio), HighRank(count, 0)))];
        _count = count;
        _sampleElements = sampleElements > 0 ? sampleElements : Math.Clamp((16L << 20) / (tasks + 1), 256 << 10, 4 << 20);
        if (variant == PcbVariant.Main && count > 0)
            _survey = new PcbSurvey(tasks, new PcbRanks(count, LowRank(count, clamp), HighRank(count, clamp), LowRank(count, 1 - ratio)), MostKept / tasks);
    }

    private enum Stage
    {
        Start,
        Sample,
        Survey,
        SizesCoarse,
        SizesFine,
        ProductsCoarse,
        ProductsFine,
        Done,
    }

    /// <summary>True when the survey sufficed.</summary>
    public bool SurveySufficed { get; private set; }

    /// <summary>Closes the pass before and says which one is needed next.</summary>
    /// <param name="threads">Threads that will scan, and that may work on what the scan before found.</param>
    public ScanRequest NextScan(int threads = 1)
    {
        _stage = _stage switch
        {
            Stage.Start => _count == 0 ? Stage.Done : _survey is null ? Stage.SizesCoarse : Stage.Sample,
            Stage.Sample => _survey!.Bracket(threads) ? Stage.Survey : Stage.SizesCoarse,
            Stage.Survey => EndSurvey(threads),
            _ => EndPass(),
        };
        return _stage switch
        {
            Stage.Done => ScanRequest.None,
            Stage.Sample => ScanRequest.Sample(_count, _sampleElements),
            _ => ScanRequest.Full,
        };
    }

    /// <summary>Looks at a tile; the models are overwritten.</summary>
    public void Scan(in Tile tile)
    {
        Subtract(tile);
        Span<float> scratch = stackalloc float[Tile.MaxElements];
        scratch = scratch[..tile.Count];
        switch (_stage)
        {
            case Stage.Sample:
                Sum(tile, scratch);
                _survey!.Sample(tile, scratch);
                return;
            case Stage.Survey:
                Sum(tile, scratch);
                _survey!.Observe(tile, scratch);
                return;
            case Stage.SizesCoarse or Stage.SizesFine:
                for (int task = 0; task < _tasks; task++)
                {
                    TensorPrimitives.Abs(tile.Model(task), scratch);
                    _magnitudes[task].Observe(scratch);
                }

                return;
        }

        float[] common = new float[(_tasks + 1) * tile.Count];
        Prepare(tile, common);
        for (int task = 0; task < _tasks; task++)
        {
            Product(tile, task, common, scratch);
            _products[task].Observe(scratch);
        }
    }

    /// <summary>Writes <c>Σ λᵢ Cᵢ Sᵢ / Σ Sᵢ</c>; the models are overwritten.</summary>
    public void Apply(in Tile tile, ReadOnlySpan<float> lambdas)
    {
        Subtract(tile);
        if (_variant == PcbVariant.Main)
        {
            ApplyMain(tile, lambdas);
            return;
        }

        float[] buffer = new float[(_tasks + 3) * tile.Count];
        Span<float> common = buffer.AsSpan(0, (_tasks + 1) * tile.Count);
        Span<float> scale = buffer.AsSpan((_tasks + 1) * tile.Count, tile.Count);
        Span<float> total = buffer.AsSpan((_tasks + 2) * tile.Count, tile.Count);
        Prepare(tile, common);
        Span<float> output = tile.Output;
        output.Clear();
        for (int task = 0; task < _tasks; task++)
        {
            Scale(tile, task, common, scale);
            TensorPrimitives.Add(total, scale, total);
            Span<float> change = tile.Model(task);
            Clamped(change, task);
            TensorPrimitives.Multiply(scale, change, scale);
            TensorPrimitives.MultiplyAdd(scale, lambdas[task], output, output);
        }

        TensorPrimitives.Max(total, 1e-12f, total);
        TensorPrimitives.Divide(output, total, output);
    }

    /// <summary>Looks at a chunk of stored numbers; false when that cannot be done in this pass.</summary>
    public bool TryScan(in BFloat16Tile tile) => _stage == Stage.Survey && tile.HasBase && _survey!.TryObserve(tile);

    /// <summary>Merges a chunk of stored numbers; false when that cannot be done.</summary>
    public bool TryApply(in BFloat16Tile tile, ReadOnlySpan<float> lambdas) =>
        _tasks == 2 && _variant == PcbVariant.Main && tile.HasBase && PcbStoredMerge.Run(tile, Weighing(0, lambdas[0]), Weighing(1, lambdas[1]));

    /// <summary>The coefficients S of one task, for reports and tests.</summary>
    public void Scales(in Tile tile, Action<int, long, ReadOnlySpan<float>> receive)
    {
        Subtract(tile);
        float[] common = new float[(_tasks + 1) * tile.Count];
        float[] scale = new float[tile.Count];
        Prepare(tile, common);
        for (int task = 0; task < _tasks; task++)
        {
            Scale(tile, task, common, scale);
            receive(task, tile.Start, scale);
        }
    }

    private static long LowRank(long count, double share) => Math.Clamp((long)(count * share), 0, Math.Max(0, count - 1));

    private static long HighRank(long count, double share) => Math.Max(0, (long)((count * (1 - share)) - 1));

    private Stage EndSurvey(int threads)
    {
        PcbSurvey survey = _survey!;
        _survey = null;
        for (int task = 0; task < _tasks; task++)
        {
            if (survey.Sizes(task) is not { } sizes)
                return Stage.SizesCoarse;
            (_low[task], _high[task]) = sizes;
        }

        // One after the other in a large crowd of tasks, so that what is gathered for each does not add up.
        bool sufficed = true;
        Workers.Run(Math.Min(threads, 2), _tasks, (_, task) =>
        {
            if (survey.Products(task, _low[task], Math.Max(_low[task], _high[task])) is { } products)
                (_floor[task], _ceiling[task]) = products;
            else
                Volatile.Write(ref sufficed, false);
        });
        if (!sufficed)
            return Stage.ProductsCoarse;
        SurveySufficed = true;
        return Stage.Done;
    }

    private Stage EndPass()
    {
        if (_stage is Stage.SizesCoarse or Stage.SizesFine)
            EndPass(_magnitudes, _low, _high);
        else if (_stage is Stage.ProductsCoarse or Stage.ProductsFine)
            EndPass(_products, _floor, _ceiling);
        return _stage == Stage.Done ? Stage.Done : _stage + 1;
    }

    private static void Sum(in Tile tile, Span<float> sum)
    {
        tile.Model(0).CopyTo(sum);
        for (int task = 1; task < tile.ModelCount; task++)
            TensorPrimitives.Add(sum, tile.Model(task), sum);
    }

    private PcbWeighing Weighing(int task, float lambda) => new((_low[task], Math.Max(_low[task], _high[task])), (_floor[task], _ceiling[task]), lambda, _tasks);

    private void ApplyMain(in Tile tile, ReadOnlySpan<float> lambdas)
    {
        Span<float> scratch = stackalloc float[2 * Tile.MaxElements];
        Span<float> sum = scratch[..tile.Count];
        Span<float> total = scratch.Slice(Tile.MaxElements, tile.Count);
        Span<float> output = tile.Output;
        Sum(tile, sum);
        total.Clear();

        // Adding to −0 gives what is added, zeros with their sign, as in the way over stored numbers.
        output.Fill(-0f);
        for (int task = 0; task < _tasks; task++)
            PcbKernel.Accumulate(tile.Model(task), sum, Weighing(task, lambdas[task]), output, total);

        TensorPrimitives.Max(total, 1e-12f, total);
        TensorPrimitives.Divide(output, total, output);
    }

    private static void EndPass(OrderStatistics[] statistics, float[] low, float[] high)
    {
        for (int task = 0; task < statistics.Length; task++)
        {
            statistics[task].EndPass();
            if (!statistics[task].IsDone)
                continue;
            low[task] = statistics[task][0];
            high[task] = statistics[task][1];
        }
    }

    private static void Subtract(in Tile tile)
    {
        for (int task = 0; task < tile.ModelCount; task++)
            TensorPrimitives.Subtract(tile.Model(task), tile.Base, tile.Model(task));
    }

    /// <summary>Signed normalised changes of all tasks, then the column sum that the products refer to.</summary>
    private void Prepare(in Tile tile, Span<float> common)
    {
        int count = tile.Count;
        Span<float> sum = common.Slice(_tasks * count, count);
        sum.Clear();
        for (int task = 0; task < _tasks; task++)
        {
            Span<float> normal = common.Slice(task * count, count);
            ReadOnlySpan<float> change = tile.Model(task);
            float low = _low[task], high = Math.Max(_low[task], _high[task]), range = high - low;
            TensorPrimitives.Abs(change, normal);
            TensorPrimitives.Clamp(normal, low, high, normal);
            TensorPrimitives.Subtract(normal, low, normal);
            if (range > 0)
                TensorPrimitives.Divide(normal, range, normal);
            else
                normal.Clear();
            TensorPrimitives.CopySign(normal, change, normal);
            TensorPrimitives.Add(sum, _variant == PcbVariant.Vision ? normal : change, sum);
        }
    }

    /// <summary>P = intra · inter of one task.</summary>
    private void Product(in Tile tile, int task, ReadOnlySpan<float> common, Span<float> product)
    {
        int count = tile.Count;
        ReadOnlySpan<float> sums = common.Slice(_tasks * count, count);
        if (_variant == PcbVariant.Main)
        {
            PcbKernel.Products(tile.Model(task), sums, _low[task], Math.Max(_low[task], _high[task]), _tasks, product);
            return;
        }

        ReadOnlySpan<float> normal = common.Slice(task * count, count);
        ReadOnlySpan<float> changes = tile.Model(task);
        for (int i = 0; i < count; i += Vector256<float>.Count)
        {
            Vector256<float> norm = VectorMath.Load(normal, i);
            Vector256<float> inter = default;
            if (_variant == PcbVariant.Vision)
            {
                inter = VectorMath.Tanh(VectorMath.Load(changes, i) * VectorMath.Load(sums, i));
            }
            else
            {
                for (int other = 0; other < _tasks; other++)
                    inter += VectorMath.Tanh(norm * VectorMath.Load(common.Slice(other * count, count), i));
            }

            VectorMath.Store(inter * VectorMath.Exp(norm * norm * (float)_tasks), product, i);
        }
    }

    private void Scale(in Tile tile, int task, ReadOnlySpan<float> common, Span<float> scale)
    {
        float range = _ceiling[task] - _floor[task];
        if (!(range > 0))
        {
            scale.Clear();
            return;
        }

        Product(tile, task, common, scale);
        TensorPrimitives.Clamp(scale, _floor[task], _ceiling[task], scale);
        TensorPrimitives.Subtract(scale, _floor[task], scale);
        TensorPrimitives.Divide(scale, range, scale);
    }

    /// <summary>C = sign(T) · clamp(|T|).</summary>
    private void Clamped(Span<float> change, int task)
    {
        float low = _low[task], high = Math.Max(_low[task], _high[task]);
        for (int i = 0; i < change.Length; i++)
            change[i] = change[i] == 0 ? 0 : MathF.CopySign(Math.Clamp(Math.Abs(change[i]), low, high), change[i]);
    }
}
