using System.Runtime.InteropServices;

namespace Merganser.Tokenizers;

/// <content>The sequences that each pair was found in: runs in one pool; a run of one is kept in its entry.</content>
internal sealed partial class PairCounts
{
    private Entry[] _entries = new Entry[1024];
    private int _entryCount;
    private int _freeEntry = -1;
    private int[] _pool = new int[1 << 12];
    private int _poolUsed;
    private long _poolLive;

    /// <summary>Counts all pairs of the sequences that were added and makes them candidates; once.</summary>
    public void CountPairs()
    {
        EnsureSymbols(_symbolLimit);
        // Two passes: how many sequences hold a pair, then which.
        var found = new List<(ulong Key, int Last, int Filled)>();
        for (int sequence = 0; sequence < Count; sequence++)
        {
            ReadOnlySpan<int> symbols = this[sequence];
            for (int at = 0; at + 1 < symbols.Length; at++)
            {
                ulong key = PairTable.Key(symbols[at], symbols[at + 1]);
                int slot = _table.FindOrAdd(key);
                _table.Weight(slot) += _weights[sequence];
                ref int head = ref _table.Head(slot);
                if (head == 0)
                {
                    found.Add((key, -1, 0));
                    head = found.Count;
                }

                ref (ulong Key, int Last, int Filled) pair = ref CollectionsMarshal.AsSpan(found)[head - 1];
                if (pair.Last == sequence)
                    continue;
                pair.Last = sequence;
                pair.Filled++;
            }
        }

        Span<(ulong Key, int Last, int Filled)> pairs = CollectionsMarshal.AsSpan(found);
        int[] entries = new int[pairs.Length];
        for (int i = 0; i < pairs.Length; i++)
        {
            entries[i] = CreateEntry(pairs[i].Filled);
            pairs[i].Filled = 0;
            pairs[i].Last = -1;
        }

        for (int sequence = 0; sequence < Count; sequence++)
        {
            ReadOnlySpan<int> symbols = this[sequence];
            for (int at = 0; at + 1 < symbols.Length; at++)
            {
                int index = _table.Head(_table.Find(PairTable.Key(symbols[at], symbols[at + 1]))) - 1;
                if (pairs[index].Last == sequence)
                    continue;
                pairs[index].Last = sequence;
                Sequences(entries[index])[pairs[index].Filled++] = sequence;
            }
        }

        for (int i = 0; i < pairs.Length; i++)
        {
            int slot = _table.Find(pairs[i].Key);
            _table.Head(slot) = 0;
            Register(pairs[i].Key, slot, entries[i]);
        }
    }

    /// <summary>Makes an entry a candidate with the weight that its pair has now.</summary>
    private void Register(ulong key, int slot, int entry)
    {
        if (!KeepsMergedWeights)
        {
            ref int head = ref _table.Head(slot);
            _entries[entry].Next = head;
            head = entry + 1;
        }

        if (_table.Weight(slot) > 0)
            _heap.Push(new PairHeap.Item(_table.Weight(slot), key, entry));
    }

    private Span<int> Sequences(int entry)
    {
        ref Entry found = ref _entries[entry];
        return found.Length == 1 ? MemoryMarshal.CreateSpan(ref found.Start, 1) : _pool.AsSpan(found.Start, found.Length);
    }

    private int CreateEntry(int length)
    {
        int entry = _freeEntry;
        if (entry >= 0)
        {
            _freeEntry = _entries[entry].Next;
        }
        else
        {
            if (_entryCount == _entries.Length)
                Array.Resize(ref _entries, NewLength(_entryCount, _entryCount + 1L));
            entry = _entryCount++;
        }

        int start = 0;
        if (length > 1)
        {
            if (length > _pool.Length - _poolUsed)
                MakeRoom(length);
            start = _poolUsed;
            _poolUsed += length;
            _poolLive += length;
        }

        _entries[entry] = new Entry { Start = start, Length = length };
        return entry;
    }

    /// <summary>Forgets the sequences of an entry, which stays in the heap or in a chain.</summary>
    private void ClearEntry(int entry)
    {
        if (_entries[entry].Length > 1)
            _poolLive -= _entries[entry].Length;
        _entries[entry].Length = 0;
    }

    /// <summary>Forgets an entry that is in no heap and no chain.</summary>
    private void FreeEntry(int entry)
    {
        ClearEntry(entry);
        _entries[entry].Next = _freeEntry;
        _freeEntry = entry;
    }

    /// <summary>Moves the runs that are in use together, into more space when they need more than half of it.</summary>
    private void MakeRoom(int length)
    {
        long wanted = _poolLive + length;
        int[] pool = new int[wanted > _pool.Length / 2 ? NewLength(_pool.Length, wanted) : _pool.Length];
        int used = 0;
        for (int i = 0; i < _entryCount; i++)
        {
            ref Entry entry = ref _entries[i];
            if (entry.Length <= 1)
                continue;
            _pool.AsSpan(entry.Start, entry.Length).CopyTo(pool.AsSpan(used));
            entry.Start = used;
            used += entry.Length;
        }

        _pool = pool;
        _poolUsed = used;
    }

    /// <summary>Where the sequences of a pair are in the pool; for one sequence its number itself.</summary>
    private struct Entry
    {
        public int Start;
        public int Length;
        public int Next; // one more than the next entry of the pair, or the next free entry
    }
}
