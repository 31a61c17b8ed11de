namespace Merganser.Tokenizers;

/// <summary>
/// Counts adjacent pairs in weighted sequences of symbols and keeps the counts right while pairs are merged (Sennrich et al.,
/// arXiv 1508.07909). Three ways to drive it: take the best pair and merge it, until none is left; merge the pairs of a given
/// list; or take the best pair, look at it, and merge it or leave it. A merge touches each sequence that holds the pair once;
/// its changes are summed by neighbour before they go to the table, and every pair remembers the sequences it was found in.
/// </summary>
/// <remarks>
/// Pairs are counted at every place (<c>a a a</c> holds the pair twice); merging goes from the left. Weights are f64: exact
/// for counts up to 2^53.
/// </remarks>
internal sealed partial class PairCounts
{
    private readonly PairTable _table = new();
    private readonly PairHeap _heap = new();
    private readonly List<PairHeap.Item> _tied = [];
    private int[] _symbols = new int[1 << 12];
    private int _used;
    private int[] _starts = new int[1 << 10];
    private int[] _lengths = new int[1 << 10];
    private double[] _weights = new double[1 << 10];
    private int _symbolLimit;

    /// <summary>Which of the pairs of equal weight is taken first.</summary>
    public PairTie Tie { get; init; }

    /// <summary>
    /// A pair formed by a merge is counted only if its symbols together are made of fewer first symbols than this.
    /// </summary>
    public int SizeLimit { get; init; } = int.MaxValue;

    /// <summary>
    /// The bookkeeping of the HF trainers: a merged pair keeps its weight, and when a merge makes a symbol that exists
    /// already, the sequences found then are a candidate of their own. Otherwise a merged pair has weight 0, as it occurs
    /// nowhere, and a candidate stands for all sequences that hold it.
    /// </summary>
    public bool KeepsMergedWeights { get; init; }

    /// <summary>The number of sequences.</summary>
    public int Count { get; private set; }

    /// <summary>A sequence as it is now.</summary>
    public ReadOnlySpan<int> this[int sequence] => _symbols.AsSpan(_starts[sequence], _lengths[sequence]);

    /// <summary>Adds a sequence; before <see cref="CountPairs"/>.</summary>
    /// <param name="symbols">Symbols, not negative; tables as long as the highest are kept.</param>
    /// <param name="weight">How often the sequence counts.</param>
    public void Add(ReadOnlySpan<int> symbols, double weight)
    {
        if (_used > _symbols.Length - symbols.Length)
            Array.Resize(ref _symbols, NewLength(_symbols.Length, (long)_used + symbols.Length));
        if (Count == _starts.Length)
        {
            int length = NewLength(Count, Count + 1L);
            Array.Resize(ref _starts, length);
            Array.Resize(ref _lengths, length);
            Array.Resize(ref _weights, length);
        }

        symbols.CopyTo(_symbols.AsSpan(_used));
        foreach (int symbol in symbols)
            _symbolLimit = Math.Max(_symbolLimit, symbol + 1);
        _starts[Count] = _used;
        _lengths[Count] = symbols.Length;
        _weights[Count] = weight;
        _used += symbols.Length;
        Count++;
    }

    /// <summary>The weight of a pair.</summary>
    public double WeightOf(int left, int right)
    {
        int slot = _table.Find(PairTable.Key(left, right));
        return slot < 0 ? 0 : _table.Weight(slot);
    }

    /// <summary>Takes the heaviest pair; it is proposed again only after it has been put back or formed anew.</summary>
    /// <returns>False when no pair with a positive weight is left.</returns>
    public bool TryTakeBest(out PairCandidate best)
    {
        best = default;
        if (!TryRefreshFirst())
            return false;
        PairHeap.Item first = _heap.Pop();
        if (Tie == PairTie.FirstInScanOrder)
            first = TakeFirstMet(first);
        best = new PairCandidate((int)(first.Key >> 32), (int)(uint)first.Key, first.Weight, first.Entry);
        return true;
    }

    /// <summary>Proposes a taken pair again, at the weight that it has then.</summary>
    public void PutBack(in PairCandidate candidate) => _heap.Push(new PairHeap.Item(candidate.Weight, PairTable.Key(candidate.Left, candidate.Right), candidate.Entry));

    /// <summary>Brings a candidate whose weight is up to date to the front of the heap.</summary>
    private bool TryRefreshFirst()
    {
        while (_heap.Count > 0)
        {
            ref readonly PairHeap.Item first = ref _heap.Peek();
            int slot = _table.Find(first.Key);
            double weight = slot < 0 || _entries[first.Entry].Length == 0 ? 0 : _table.Weight(slot);
            if (weight <= 0)
            {
                int entry = _heap.Pop().Entry;
                if (KeepsMergedWeights)
                    FreeEntry(entry); // otherwise the chain of the pair still leads there
                continue;
            }

            if (weight == first.Weight)
                return true;
            _heap.ReplaceFirst(weight);
        }

        return false;
    }

    private PairHeap.Item TakeFirstMet(PairHeap.Item first)
    {
        double weight = first.Weight;
        (int Sequence, int At) firstPlace = FirstPlace(first);
        _tied.Clear();
        while (TryRefreshFirst() && _heap.Peek().Weight == weight)
        {
            PairHeap.Item other = _heap.Pop();
            (int Sequence, int At) place = FirstPlace(other);
            if (place.CompareTo(firstPlace) < 0)
            {
                (first, other) = (other, first);
                firstPlace = place;
            }

            _tied.Add(other);
        }

        foreach (PairHeap.Item other in _tied)
            _heap.Push(other);
        return first;
    }

    private (int Sequence, int At) FirstPlace(in PairHeap.Item item)
    {
        int left = (int)(item.Key >> 32);
        int right = (int)(uint)item.Key;
        foreach (int sequence in Sequences(item.Entry))
        {
            int at = FindPair(this[sequence], left, right);
            if (at >= 0)
                return (sequence, at);
        }

        return (int.MaxValue, 0);
    }

    /// <summary>The first place of a pair in a sequence; -1 when it is not there.</summary>
    private static int FindPair(ReadOnlySpan<int> symbols, int left, int right)
    {
        const int vectorPays = 24;
        int at = 0;
        if (symbols.Length < vectorPays)
        {
            for (; at < symbols.Length - 1; at++)
            {
                if (symbols[at] == left && symbols[at + 1] == right)
                    return at;
            }

            return -1;
        }

        while (true)
        {
            int skip = symbols[at..].IndexOf(left);
            if (skip < 0 || (at += skip) >= symbols.Length - 1)
                return -1;
            if (symbols[at + 1] == right)
                return at;
            at++;
        }
    }

    private static int NewLength(int old, long wanted) =>
        wanted <= Array.MaxLength ? (int)Math.Min(Array.MaxLength, Math.Max(wanted, 2L * old)) : throw new MerganserException($"more than {Array.MaxLength} symbols to merge; use fewer or shorter texts");
}
