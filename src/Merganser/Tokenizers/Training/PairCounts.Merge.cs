namespace Merganser.Tokenizers;

/// <content>Merging a pair in the sequences that hold it.</content>
internal sealed partial class PairCounts
{
    private Neighbour[] _before = []; // by the symbol before the merged pair
    private Neighbour[] _after = [];
    private int[] _sizes = [];
    private readonly List<int> _touchedBefore = [];
    private readonly List<int> _touchedAfter = [];
    private Found[] _found = new Found[256];
    private int _foundCount;
    private double _merged;
    private int[] _rewritten = []; // by sequence: the number of the last merge by name that touched it
    private int _mergeNumber;

    /// <summary>Merges a taken pair.</summary>
    /// <param name="pair">The pair.</param>
    /// <param name="symbol">What it becomes: a new symbol, or one that is there already.</param>
    public void Merge(in PairCandidate pair, int symbol)
    {
        if (!KeepsMergedWeights)
        {
            Merge(pair.Left, pair.Right, symbol);
            return;
        }

        Begin(pair.Left, pair.Right, symbol);
        foreach (int sequence in Sequences(pair.Entry))
            Rewrite(sequence, pair.Left, pair.Right, symbol);
        FreeEntry(pair.Entry);
        End(pair.Left, pair.Right, symbol);
    }

    /// <summary>Merges a pair wherever it is.</summary>
    /// <exception cref="InvalidOperationException">Merged weights are kept, so sequences are known only by candidate.</exception>
    public void Merge(int left, int right, int symbol)
    {
        if (KeepsMergedWeights)
            throw new InvalidOperationException("a pair can be merged everywhere only when merged weights are not kept");
        Begin(left, right, symbol);
        int slot = _table.Find(PairTable.Key(left, right));
        if (slot < 0)
            return;
        if (_rewritten.Length < Count)
            _rewritten = new int[Count];
        _mergeNumber++;
        for (int entry = _table.Head(slot) - 1; entry >= 0; entry = _entries[entry].Next - 1)
        {
            foreach (int sequence in Sequences(entry))
            {
                // Two entries may hold one sequence; rewritten again it could lose a pair that the merge has just formed.
                if (_rewritten[sequence] == _mergeNumber)
                    continue;
                _rewritten[sequence] = _mergeNumber;
                Rewrite(sequence, left, right, symbol);
            }

            ClearEntry(entry);
        }

        _table.Head(slot) = 0;
        _table.Weight(slot) -= _merged;
        End(left, right, symbol);
    }

    private void Begin(int left, int right, int symbol)
    {
        EnsureSymbols(symbol + 1);
        _sizes[symbol] = _sizes[left] + _sizes[right];
        _foundCount = 0;
        _merged = 0;
    }

    private void Rewrite(int sequence, int left, int right, int symbol)
    {
        Span<int> symbols = _symbols.AsSpan(_starts[sequence], _lengths[sequence]);
        int read = FindPair(symbols, left, right);
        if (read < 0)
            return; // other merges took it away
        double weight = _weights[sequence];
        int write = read;
        while (read < symbols.Length)
        {
            if (read + 1 == symbols.Length || symbols[read] != left || symbols[read + 1] != right)
            {
                symbols[write++] = symbols[read++];
                continue;
            }

            if (write > 0)
                Change(_before, _touchedBefore, symbols[write - 1], ~symbols[write - 1], symbol, sequence, weight);
            read += 2;
            if (read < symbols.Length)
                Change(_after, _touchedAfter, symbols[read], symbols[read], symbol, sequence, weight);
            symbols[write++] = symbol;
            _merged += weight;
        }

        _lengths[sequence] = write;
    }

    /// <summary>Notes that a neighbour lost its pair with a merged half and has one with the new symbol.</summary>
    private void Change(Neighbour[] side, List<int> touched, int neighbour, int code, int symbol, int sequence, double weight)
    {
        ref Neighbour change = ref side[neighbour];
        if (!change.IsTouched)
        {
            change.IsTouched = true;
            touched.Add(neighbour);
        }

        change.Lost += weight;
        if (_sizes[neighbour] + (long)_sizes[symbol] >= SizeLimit)
            return;
        // The new symbol beside itself is one pair, from whichever side it is seen.
        bool isItself = neighbour == symbol;
        ref Neighbour gain = ref isItself ? ref _before[neighbour] : ref change;
        if (!gain.IsTouched)
        {
            gain.IsTouched = true;
            _touchedBefore.Add(neighbour);
        }

        gain.Gained += weight;
        if (gain.Last == sequence + 1)
            return;
        gain.Last = sequence + 1;
        gain.Sequences++;
        if (_foundCount == _found.Length)
            Array.Resize(ref _found, NewLength(_foundCount, _foundCount + 1L));
        _found[_foundCount++] = new Found(isItself ? ~neighbour : code, sequence);
    }

    private void End(int left, int right, int symbol)
    {
        _table.Reserve(_touchedBefore.Count + _touchedAfter.Count);
        foreach (int neighbour in _touchedBefore)
            Gain(ref _before[neighbour], PairTable.Key(neighbour, symbol));
        foreach (int neighbour in _touchedAfter)
            Gain(ref _after[neighbour], PairTable.Key(symbol, neighbour));
        foreach (int neighbour in _touchedBefore)
            Lose(_before[neighbour].Lost, PairTable.Key(neighbour, left));
        foreach (int neighbour in _touchedAfter)
            Lose(_after[neighbour].Lost, PairTable.Key(right, neighbour));
        for (int i = 0; i < _foundCount; i++)
        {
            Found found = _found[i];
            ref Neighbour change = ref found.Code < 0 ? ref _before[~found.Code] : ref _after[found.Code];
            if (change.Sequences > 0)
                Sequences(change.Entry)[change.Filled++] = found.Sequence;
        }

        foreach (int neighbour in _touchedBefore)
            Finish(ref _before[neighbour], PairTable.Key(neighbour, symbol));
        foreach (int neighbour in _touchedAfter)
            Finish(ref _after[neighbour], PairTable.Key(symbol, neighbour));
        _touchedBefore.Clear();
        _touchedAfter.Clear();
    }

    private void Gain(ref Neighbour change, ulong key)
    {
        if (change.Sequences == 0)
            return;
        change.Slot = _table.FindOrAdd(key);
        _table.Weight(change.Slot) += change.Gained;
        change.Entry = CreateEntry(change.Sequences);
    }

    private void Lose(double weight, ulong key)
    {
        // A pair that was never counted because of the size limit has nothing to lose.
        int slot = weight > 0 ? _table.Find(key) : -1;
        if (slot >= 0)
            _table.Weight(slot) -= weight;
    }

    private void Finish(ref Neighbour change, ulong key)
    {
        if (change.Sequences > 0)
        {
            // Sequences of weight 0 make no candidate, but a pair that is merged by name is merged in them, too.
            if (!KeepsMergedWeights || _table.Weight(change.Slot) > 0)
                Register(key, change.Slot, change.Entry);
            else
                FreeEntry(change.Entry);
        }

        change = default;
    }

    private void EnsureSymbols(int count)
    {
        int old = _sizes.Length;
        if (count <= old)
            return;
        int length = NewLength(old, Math.Max(count, 256));
        Array.Resize(ref _sizes, length);
        _sizes.AsSpan(old).Fill(1);
        Array.Resize(ref _before, length);
        Array.Resize(ref _after, length);
    }

    private readonly record struct Found(int Code, int Sequence); // code: the neighbour, inverted when it stands before

    /// <summary>What a merge changes for one symbol on one side of the pair.</summary>
    private struct Neighbour
    {
        public double Lost;
        public double Gained;
        public int Last; // one more than the sequence that was noted last
        public int Sequences;
        public int Entry;
        public int Filled;
        public int Slot;
        public bool IsTouched;
    }
}
