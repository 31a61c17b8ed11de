using System.Numerics.Tensors;
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
/// The coefficients of PCB-Merging for streamed task vectors. Four passes find the bounds that they depend on (two for the bounds of |T|,
/// two for the bound and the maximum of the product P of each task); then every element's coefficient follows by itself.
/// </summary>
internal sealed class PcbBalance
{
    private readonly int _tasks;
    private readonly PcbVariant _variant;
    private readonly OrderStatistics[] _magnitudes;
    private readonly OrderStatistics[] _products;
    private readonly float[] _low;
    private readonly float[] _high;
    private readonly float[] _floor;
    private readonly float[] _ceiling;
    private int _pass;

    /// <summary>Prepares for <paramref name="count"/> elements per task.</summary>
    public PcbBalance(int tasks, long count, PcbVariant variant, double ratio, double clamp)
    {
        _tasks = tasks;
        _variant = variant;
        _low = new float[tasks];
        _high = new float[tasks];
        _floor = new float[tasks];
        _ceiling = new float[tasks];
        _magnitudes = [.. Enumerable.Range(0, tasks).Select(_ => new OrderStatistics(LowRank(count, clamp), HighRank(count, clamp)))];
        _products = [.. Enumerable.Range(0, tasks).Select(_ => new OrderStatistics(LowRank(count, 1 - ratio), HighRank(count, 0)))];
        if (count == 0)
            _pass = 4;
    }

    /// <summary>Closes the pass before; true when another one is needed.</summary>
    public bool NextPass()
    {
        switch (_pass)
        {
            case 1 or 2:
                EndPass(_magnitudes, _low, _high);
                break;
            case 3 or 4:
                EndPass(_products, _floor, _ceiling);
                break;
        }

        return _pass++ < 4;
    }

    /// <summary>Looks at a tile; the models are overwritten.</summary>
    public void Scan(in Tile tile)
    {
        Subtract(tile);
        Span<float> scratch = stackalloc float[Tile.MaxElements];
        if (_pass <= 2)
        {
            for (int task = 0; task < _tasks; task++)
            {
                Span<float> magnitude = scratch[..tile.Count];
                TensorPrimitives.Abs(tile.Model(task), magnitude);
                _magnitudes[task].Observe(magnitude);
            }

            return;
        }

        float[] common = new float[(_tasks + 1) * tile.Count];
        Prepare(tile, common);
        for (int task = 0; task < _tasks; task++)
        {
            Span<float> product = scratch[..tile.Count];
            Product(tile, task, common, product);
            _products[task].Observe(product);
        }
    }

    /// <summary>Writes <c>Σ λᵢ Cᵢ Sᵢ / Σ Sᵢ</c>; the models are overwritten.</summary>
    public void Apply(in Tile tile, ReadOnlySpan<float> lambdas)
    {
        Subtract(tile);
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
        ReadOnlySpan<float> normal = common.Slice(task * count, count);
        Span<float> term = stackalloc float[Tile.MaxElements];
        term = term[..count];
        if (_variant == PcbVariant.Es)
        {
            product.Clear();
            for (int other = 0; other < _tasks; other++)
            {
                TensorPrimitives.Multiply(normal, common.Slice(other * count, count), term);
                TensorPrimitives.Tanh(term, term);
                TensorPrimitives.Add(product, term, product);
            }
        }
        else
        {
            TensorPrimitives.Multiply(tile.Model(task), common.Slice(_tasks * count, count), product);
            TensorPrimitives.Tanh(product, product);
        }

        TensorPrimitives.Multiply(normal, normal, term);
        TensorPrimitives.Multiply(term, _tasks, term);
        TensorPrimitives.Exp(term, term);
        TensorPrimitives.Multiply(product, term, product);
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
