using System.Numerics.Tensors;

namespace Merganser.Weights.Selection;

/// <summary>
/// What the original TIES needs to know of the whole model: the threshold of each model (two histograms of bit patterns,
/// upper and lower half, with squares for a share of the norm; or mean, then deviation), the norms of the trimmed task vectors, and the majority sign.
/// </summary>
internal sealed class TiesStatistics : ModelStatistics
{
    private const int LowBits = 16;

    private readonly long _count;
    private readonly TiesRule _rule;
    private readonly TiesTrim[] _trims;
    private readonly long _rank;
    private readonly long[] _ranks;
    private readonly int[] _prefixes;
    private readonly double[] _missing;
    private readonly Queue<Stage> _stages = new();
    private ThreadLocal<long[][]>? _histograms;
    private Stage _stage;

    /// <summary>Plans the passes.</summary>
    /// <param name="count">Elements of all tensors.</param>
    /// <param name="models">Number of models.</param>
    /// <param name="rule">The options.</param>
    public TiesStatistics(long count, int models, TiesRule rule)
    {
        _count = count;
        _rule = rule;
        _trims = new TiesTrim[models];
        Array.Fill(_trims, new TiesTrim());
        _prefixes = new int[models];
        _ranks = new long[models];
        _missing = new double[models];

        // The j-th smallest is wanted; j = 0 would be before the first, and K = 1 keeps all.
        _rank = count - (long)(count * rule.Share);
        if (rule.Reset == TiesReset.Deviation)
        {
            _stages.Enqueue(Stage.Mean);
            _stages.Enqueue(Stage.Deviation);
        }
        else if (rule.Reset == TiesReset.NormShare ? rule.Share < 1 : _rank > 0)
        {
            Array.Fill(_ranks, _rank);
            _stages.Enqueue(Stage.UpperHalf);
            _stages.Enqueue(Stage.LowerHalf);
        }

        if (rule.Resolve is TiesResolve.NormMass or TiesResolve.NormFraction)
            _stages.Enqueue(Stage.Norms);
        if (rule.Resolve != TiesResolve.None)
            _stages.Enqueue(Stage.Majority);
    }

    private enum Stage
    {
        UpperHalf,
        LowerHalf,
        Mean,
        Deviation,
        Norms,
        Majority,
    }

    private bool SumsSquares => _rule.Reset == TiesReset.NormShare && _stage == Stage.UpperHalf;

    /// <summary>The trimming of each model.</summary>
    public ReadOnlySpan<TiesTrim> Trims => _trims;

    /// <summary>The sign that takes the place of 0: −1, 0 or 1.</summary>
    public int Majority { get; private set; }

    /// <inheritdoc/>
    public override ScanRequest NextScan() => _stages.TryDequeue(out _stage) ? ScanRequest.Full : ScanRequest.None;

    /// <inheritdoc/>
    public override TensorScan? Begin(TensorContext tensor)
    {
        if (_stage is not (Stage.UpperHalf or Stage.LowerHalf))
            return new SumScan(this);

        // Counts may be added in any order, so one histogram for each thread will do.
        ThreadLocal<long[][]> histograms = LazyInitializer.EnsureInitialized(
            ref _histograms, () => new ThreadLocal<long[][]>(NewHistograms, trackAllValues: true))!;
        return new HistogramScan(this, histograms.Value!);
    }

    /// <inheritdoc/>
    public override void EndScan(IReadOnlyList<TensorScan> scans)
    {
        if (_stage is Stage.UpperHalf or Stage.LowerHalf)
        {
            FindBins();
            _histograms?.Dispose();
            _histograms = null;
            return;
        }

        var sums = new double[_trims.Length];
        long balance = 0;
        foreach (SumScan scan in scans.Cast<SumScan>())
        {
            TensorPrimitives.Add<double>(sums, scan.Sums, sums);
            balance += scan.Balance;
        }

        for (int model = 0; model < _trims.Length; model++)
        {
            ref TiesTrim trim = ref _trims[model];
            if (_stage == Stage.Mean)
                trim.Mean = sums[model] / _count;
            else if (_stage == Stage.Deviation)
                trim.Distance = (float)(_rule.Density * Math.Sqrt(sums[model] / Math.Max(1, _count - 1)));
            else if (_stage == Stage.Norms)
                trim.InverseSquare = sums[model] > 0 ? (float)(1 / sums[model]) : 0;
        }

        if (_stage == Stage.Majority)
            Majority = Math.Sign(balance);
    }

    private long[][] NewHistograms()
    {
        var histograms = new long[_trims.Length][];
        for (int model = 0; model < histograms.Length; model++)
            histograms[model] = new long[SumsSquares ? NormShare.Length : 1 << LowBits];
        return histograms;
    }

    private void FindBins()
    {
        for (int model = 0; model < _trims.Length; model++)
        {
            var total = new long[SumsSquares ? NormShare.Length : 1 << LowBits];
            foreach (long[][] histograms in _histograms?.Values ?? [])
                TensorPrimitives.Add<long>(total, histograms[model], total);
            if (SumsSquares)
            {
                (_prefixes[model], _missing[model]) = NormShare.FindBin(total, _rule.Share);
                continue;
            }

            if (_rule.Reset == TiesReset.NormShare)
            {
                _trims[model].Limit = ((_prefixes[model] << LowBits) | NormShare.FindLow(total, _prefixes[model], _missing[model])) - 1;
                continue;
            }

            int bin = 0;
            while (bin < total.Length - 1 && total[bin] < _ranks[model])
                _ranks[model] -= total[bin++];
            if (_stage == Stage.UpperHalf)
                _prefixes[model] = bin;
            else
                _trims[model].Limit = ((_prefixes[model] << LowBits) | bin) - 1;
        }
    }

    private sealed class HistogramScan(TiesStatistics owner, long[][] histograms) : TensorScan
    {
        public override void Scan(in Tile tile)
        {
            ReadOnlySpan<float> origin = tile.Base;
            for (int model = 0; model < histograms.Length; model++)
            {
                long[] histogram = histograms[model];
                ReadOnlySpan<float> values = tile.Model(model);
                bool upper = owner._stage == Stage.UpperHalf, squares = owner.SumsSquares;
                int prefix = owner._prefixes[model];
                for (int i = 0; i < values.Length; i++)
                {
                    int key = BitConverter.SingleToInt32Bits(values[i] - origin[i]) & 0x7FFFFFFF;
                    if (squares)
                        NormShare.Count(histogram, key);
                    else if (upper)
                        histogram[key >> LowBits]++;
                    else if (key >> LowBits == prefix)
                        histogram[key & ((1 << LowBits) - 1)]++;
                }
            }
        }
    }

    private sealed class SumScan(TiesStatistics owner) : TensorScan
    {
        public double[] Sums { get; } = new double[owner._trims.Length];

        public long Balance { get; private set; }

        public override void Scan(in Tile tile)
        {
            for (int model = 0; model < Sums.Length; model++)
            {
                Span<float> values = tile.Model(model);
                owner._trims[model].Trim(values, tile.Base);
                if (owner._stage == Stage.Mean)
                    Sums[model] += Sum(values, 0, 1);
                else if (owner._stage == Stage.Deviation)
                    Sums[model] += Sum(values, owner._trims[model].Mean, 2);
                else if (owner._stage == Stage.Norms)
                    Sums[model] += AbsoluteSum.OfSquares(values);
            }

            if (owner._stage != Stage.Majority)
                return;
            for (int i = 0; i < tile.Count; i++)
            {
                float vote = TiesModelMerger.Vote(tile, i, owner._rule.Resolve, owner._trims);
                Balance += float.IsNaN(vote) ? 0 : Math.Sign(vote);
            }
        }

        private static double Sum(ReadOnlySpan<float> values, double mean, int power)
        {
            double sum = 0;
            foreach (float value in values)
                sum += power == 1 ? value : (value - mean) * (value - mean);
            return sum;
        }
    }
}
