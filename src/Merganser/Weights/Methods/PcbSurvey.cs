using System.Collections.Concurrent;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using Merganser.Weights.Execution;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>The ranks that a competition asks for, in each task alike.</summary>
internal readonly record struct PcbRanks(long Count, long Low, long High, long Floor);

/// <summary>
/// Finds the bounds of the <c>main</c> variant in one pass after a look at a sample. The sample tells between which values the
/// bounds almost surely lie; the pass counts what is below and keeps what is between, and the bounds are then the
/// elements of exactly the ranks asked for. Where the sample misled, that is noticed, and the caller must look again.
/// </summary>
internal sealed class PcbSurvey(int tasks, PcbRanks ranks, int most)
{
    private readonly List<float[]> _sample = [];
    private readonly ConcurrentDictionary<int, PcbTally[]> _tallies = new();
    private readonly ConcurrentDictionary<int, (PcbStoredTally One, PcbStoredTally Two)> _stored = new();
    private readonly PcbBracket[] _brackets = new PcbBracket[tasks];
    private long _sampled;
    private int _most;

    /// <summary>Keeps changes and, behind them, their sums as part of the sample.</summary>
    public void Sample(in Tile tile, ReadOnlySpan<float> sums)
    {
        float[] block = new float[(tasks + 1) * tile.Count];
        for (int task = 0; task < tasks; task++)
            tile.Model(task).CopyTo(block.AsSpan(task * tile.Count));
        sums.CopyTo(block.AsSpan(tasks * tile.Count));
        lock (_sample)
        {
            _sample.Add(block);
            _sampled += tile.Count;
        }
    }

    /// <summary>Concludes from the sample; false when it says too little.</summary>
    public bool Bracket(int threads)
    {
        _most = most / threads;
        Workers.Run(threads, tasks, (_, task) =>
        {
            PcbBracket bracket = BracketSizes(task);
            _brackets[task] = bracket.IsUsable ? BracketProducts(task, bracket) : bracket;
        });
        _sample.Clear();
        return Array.TrueForAll(_brackets, bracket => bracket.IsUsable);
    }

    /// <summary>Counts a tile of changes and their sums.</summary>
    public void Observe(in Tile tile, ReadOnlySpan<float> sums)
    {
        PcbTally[] tallies = Tallies();
        for (int task = 0; task < tasks; task++)
            tallies[task].Observe(tile.Model(task), sums);
    }

    /// <summary>Counts a chunk of two stored models; false when the brackets or the number of models do not suit.</summary>
    public unsafe bool TryObserve(in BFloat16Tile tile)
    {
        if (tasks != 2 || !Array.TrueForAll(_brackets, bracket => PcbStoredTally.Suits(bracket)))
            return false;
        PcbTally[] tallies = Tallies();
        (PcbStoredTally one, PcbStoredTally two) = _stored.GetOrAdd(
            Environment.CurrentManagedThreadId, (_, all) => (new PcbStoredTally(_brackets[0], tasks, all[0]), new PcbStoredTally(_brackets[1], tasks, all[1])), tallies);
        int whole = tile.Count & -StoredBits.Width;
        PcbStored.Observe(tile.Base, tile.Model(0), tile.Model(1), whole, one, two);
        if (whole == tile.Count)
            return true;
        ushort* rest = stackalloc ushort[3 * StoredBits.Width];
        StoredRest.Copy(tile.Base, tile.Model(0), tile.Model(1), whole, tile.Count, rest);
        PcbStored.Observe(rest, rest + StoredBits.Width, rest + (2 * StoredBits.Width), StoredBits.Width, one, two);

        // The zeros that fill the vector are not elements.
        int padding = StoredBits.Width - tile.Count + whole;
        one.Count(-padding, -padding);
        two.Count(-padding, -padding);
        return true;
    }

    /// <summary>The bounds of |T| of one task; null when the brackets missed them.</summary>
    public (float Low, float High)? Sizes(int task)
    {
        PcbBracket bracket = _brackets[task];
        PcbTally[] tallies = [.. _tallies.Values.Select(all => all[task])];
        if (tallies.Any(tally => tally.Overflowed))
            return null;
        long below = tallies.Sum(tally => tally.Small.Below);
        long beginnings = tallies.Sum(tally => tally.Small.NotAbove) - below;
        float? low = Pick(ranks.Low - below, beginnings, bracket.LowFrom, tallies.Select(tally => tally.Lows), tallies.Sum(tally => tally.SmallEnds), bracket.LowTo);
        below = ranks.Count - tallies.Sum(tally => tally.Large.NotBelow);
        beginnings = tallies.Sum(tally => tally.Large.Beginnings);
        float? high = Pick(ranks.High - below, beginnings, bracket.HighFrom, tallies.Select(tally => tally.Highs), tallies.Sum(tally => tally.Large.Ends), bracket.HighTo);
        return low is { } found && high is { } other ? (found, other) : null;
    }

    /// <summary>The bounds of P of one task whose bounds of |T| are known; null when the bracket missed them.</summary>
    public (float Floor, float Ceiling)? Products(int task, float low, float high)
    {
        PcbTally[] tallies = [.. _tallies.Values.Select(all => all[task])];
        (float[] products, uint[] counts) = Evaluate(tallies.Select(tally => tally.Floors), low, high);
        (float[] tops, _) = Evaluate(tallies.Select(tally => tally.Tops), low, high);
        long zeros = tallies.Sum(tally => tally.Products.Zeros);
        float ceiling = zeros > 0 ? 0 : float.NegativeInfinity;
        foreach (float top in tops)
            ceiling = Math.Max(ceiling, top);

        long rank = ranks.Floor - tallies.Sum(tally => tally.Products.Below);
        long negative = 0;
        for (int i = 0; i < products.Length; i++)
            negative += products[i] < 0 ? counts[i] : 0;
        if (rank < 0)
            return null;

        // The zeros, which were only counted, lie behind what is negative.
        bool isZero = rank >= negative && rank < negative + zeros;
        float? floor = isZero ? 0 : TallyRank.Find(products, counts, rank < negative ? rank : rank - zeros);
        return floor is { } found ? Within(found, ceiling, _brackets[task], high) : null;
    }

    private PcbTally[] Tallies() => _tallies.GetOrAdd(
        Environment.CurrentManagedThreadId,
        static (_, owner) => [.. owner._brackets.Select(bracket => new PcbTally(bracket, owner._brackets.Length, owner._most))],
        this);

    private (float Floor, float Ceiling)? Within(float floor, float ceiling, in PcbBracket bracket, float high)
    {
        // The bracket was widened by what rounding may do; what is found has to lie in the bracket proper.
        float slack = bracket.Slack * Math.Abs(floor) / 2;
        (float from, float to) = _stored.IsEmpty ? (bracket.FloorFrom, bracket.FloorTo) : bracket.FloorAt(high);
        return floor - slack >= from && floor + slack <= to && float.IsFinite(ceiling) ? (floor, ceiling) : null;
    }

    private static float? Pick(long rank, long beginnings, float from, IEnumerable<TallyList> between, long ends, float to)
    {
        if (rank < 0)
            return null;
        if (rank < beginnings)
            return from;
        rank -= beginnings;
        (ulong[] keys, uint[] counts) = Gather(between);
        float[] sizes = new float[keys.Length];
        long inside = 0;
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = BitConverter.UInt32BitsToSingle((uint)keys[i]);
            inside += counts[i];
        }

        return rank < inside ? TallyRank.Find(sizes, counts, rank) : rank - inside < ends ? to : null;
    }

    private static (ulong[] Keys, uint[] Counts) Gather(IEnumerable<TallyList> lists)
    {
        TallyList[] all = [.. lists];
        ulong[] keys = new ulong[all.Sum(list => list.Count)];
        uint[] counts = new uint[keys.Length];
        int at = 0;
        foreach (TallyList list in all)
        {
            list.CopyTo(keys.AsSpan(at), counts.AsSpan(at));
            at += list.Count;
        }

        return (keys, counts);
    }

    private (float[] Products, uint[] Counts) Evaluate(IEnumerable<TallyList> lists, float low, float high)
    {
        (ulong[] keys, uint[] counts) = Gather(lists);
        float[] changes = new float[keys.Length], sums = new float[keys.Length];
        for (int i = 0; i < changes.Length; i++)
        {
            changes[i] = BitConverter.UInt32BitsToSingle((uint)(keys[i] >> 32));
            sums[i] = BitConverter.UInt32BitsToSingle((uint)keys[i]);
        }

        PcbKernel.Products(changes, sums, low, high, tasks, changes);
        return (changes, counts);
    }

    private PcbBracket BracketSizes(int task)
    {
        var sizes = new OrderStatistics(Place(ranks.Low, -1), Place(ranks.Low, 1), Place(ranks.High, -1), Place(ranks.High, 1));
        float[] size = new float[Tile.MaxElements];
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (float[] block in _sample)
            {
                Span<float> part = size.AsSpan(0, block.Length / (tasks + 1));
                TensorPrimitives.Abs(block.AsSpan(task * part.Length, part.Length), part);
                sizes.Observe(part);
            }

            sizes.EndPass();
        }

        return new PcbBracket(IsBeyond(ranks.Low, -1) ? 0 : sizes[0], sizes[1], sizes[2], IsBeyond(ranks.High, 1) ? float.MaxValue : sizes[3]);
    }

    private PcbBracket BracketProducts(int task, PcbBracket bracket)
    {
        var least = new OrderStatistics(Place(ranks.Floor, -1), Place(ranks.Floor, 1), Math.Max(0, _sampled - 1));
        var greatest = new OrderStatistics(Place(ranks.Floor, -1), Place(ranks.Floor, 1));
        float[] low = new float[Tile.MaxElements], high = new float[Tile.MaxElements];
        Vector256<float> n = Vector256.Create((float)tasks);
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (float[] block in _sample)
            {
                int count = block.Length / (tasks + 1);
                ReadOnlySpan<float> changes = block.AsSpan(task * count, count), sums = block.AsSpan(tasks * count);
                for (int i = 0; i < count; i += Vector256<float>.Count)
                {
                    (Vector256<float> from, Vector256<float> to) = PcbKernel.Bounds(VectorMath.Load(changes, i), VectorMath.Load(sums, i), bracket, n);
                    VectorMath.Store(from, low.AsSpan(0, count), i);
                    VectorMath.Store(to, high.AsSpan(0, count), i);
                }

                least.Observe(low.AsSpan(0, count));
                greatest.Observe(high.AsSpan(0, count));
            }

            least.EndPass();
            greatest.EndPass();
        }

        float slack = PcbTally.Slack(tasks);
        bool isOpenBelow = IsBeyond(ranks.Floor, -1), isOpenAbove = IsBeyond(ranks.Floor, 1);
        return bracket with
        {
            Slack = slack,
            FloorFrom = isOpenBelow ? float.NegativeInfinity : least[0] - (slack * Math.Abs(least[0])),
            FloorTo = isOpenAbove ? float.PositiveInfinity : greatest[1] + (slack * Math.Abs(greatest[1])),
            FloorFromAtMost = isOpenBelow ? float.NegativeInfinity : greatest[0] - (slack * Math.Abs(greatest[0])),
            FloorToAtLeast = isOpenAbove ? float.PositiveInfinity : least[1] + (slack * Math.Abs(least[1])),
            Ceiling = least[2],
        };
    }

    /// <summary>The rank in the sample that is surely below or above the rank asked for; the same when everything was sampled.</summary>
    private long Place(long rank, int side) => Math.Clamp((long)Math.Floor(Position(rank, side)), 0, Math.Max(0, _sampled - 1));

    private bool IsBeyond(long rank, int side) => Position(rank, side) is var place && (place < 0 || place > _sampled - 1);

    private double Position(long rank, int side)
    {
        if (_sampled == ranks.Count)
            return rank;
        double share = (double)rank / ranks.Count;
        return (_sampled * share) + (side * ((5 * Math.Sqrt(_sampled * share * (1 - share))) + 8));
    }
}
