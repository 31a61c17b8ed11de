using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>Distinct byte strings in order of arrival, each with a count: one blob and an open-addressing table.</summary>
internal sealed class WordTable
{
    private const int SmallestTable = 1 << 12;

    private ulong[] _slots = new ulong[SmallestTable]; // upper half of the hash, then index + 1; 0 is free
    private Entry[] _entries = new Entry[SmallestTable / 2];
    private byte[] _blob = new byte[1 << 15];
    private int _used;

    /// <summary>The number of distinct strings.</summary>
    public int Count { get; private set; }

    /// <summary>The bytes of all distinct strings together.</summary>
    public int ByteCount => _used;

    /// <summary>A string.</summary>
    public ReadOnlySpan<byte> this[int index] => _blob.AsSpan(_entries[index].Start, _entries[index].Length);

    /// <summary>The count of a string.</summary>
    public long CountOf(int index) => _entries[index].Count;

    /// <summary>Adds to the count of a string.</summary>
    /// <returns>Its index.</returns>
    public int Add(ReadOnlySpan<byte> word, long count)
    {
        int index = FindOrAdd(word);
        _entries[index].Count += count;
        return index;
    }

    /// <summary>The index of a string; -1 when it is not there.</summary>
    public int Find(ReadOnlySpan<byte> word)
    {
        uint hash = (uint)(ByteHash.Compute(word) >> 32);
        int mask = _slots.Length - 1;
        for (int slot = (int)hash & mask; _slots[slot] != 0; slot = (slot + 1) & mask)
        {
            if (Matches(_slots[slot], hash, word))
                return (int)(uint)_slots[slot] - 1;
        }

        return -1;
    }

    /// <summary>Adds all strings and counts of another table.</summary>
    public void Add(WordTable other)
    {
        for (int index = 0; index < other.Count; index++)
            Add(other[index], other.CountOf(index));
    }

    /// <summary>Forgets all strings; the memory is kept.</summary>
    public void Clear()
    {
        Array.Clear(_slots);
        Count = 0;
        _used = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FindOrAdd(ReadOnlySpan<byte> word)
    {
        uint hash = (uint)(ByteHash.Compute(word) >> 32);
        ulong[] slots = _slots;
        int mask = slots.Length - 1;
        int slot = (int)hash & mask;
        for (; slots[slot] != 0; slot = (slot + 1) & mask)
        {
            if (Matches(slots[slot], hash, word))
                return (int)(uint)slots[slot] - 1;
        }

        return Insert(word, hash, slot);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Matches(ulong slot, uint hash, ReadOnlySpan<byte> word)
    {
        if ((uint)(slot >> 32) != hash)
            return false;
        ref Entry entry = ref _entries[(int)(uint)slot - 1];
        return entry.Length == word.Length && word.SequenceEqual(_blob.AsSpan(entry.Start, entry.Length));
    }

    private int Insert(ReadOnlySpan<byte> word, uint hash, int slot)
    {
        if (Count == _entries.Length)
        {
            Grow();
            int mask = _slots.Length - 1;
            for (slot = (int)hash & mask; _slots[slot] != 0; slot = (slot + 1) & mask)
            {
                // on to a free slot
            }
        }

        if (word.Length > _blob.Length - _used)
        {
            if (word.Length > Array.MaxLength - _used)
                throw new MerganserException("the distinct words of the text take more than 2 GiB; use a pre-tokenizer that makes shorter words, or less text");
            Array.Resize(ref _blob, (int)Math.Min(Array.MaxLength, Math.Max(2L * _blob.Length, (long)_used + word.Length)));
        }

        word.CopyTo(_blob.AsSpan(_used));
        int index = Count++;
        _entries[index] = new Entry { Start = _used, Length = word.Length };
        _used += word.Length;
        _slots[slot] = ((ulong)hash << 32) | (uint)(index + 1);
        return index;
    }

    /// <summary>Twice the slots; at most half of them are taken.</summary>
    private void Grow()
    {
        Array.Resize(ref _entries, checked(2 * _entries.Length));
        ulong[] slots = new ulong[checked(2 * _slots.Length)];
        int mask = slots.Length - 1;
        foreach (ulong taken in _slots)
        {
            if (taken == 0)
                continue;
            int slot = (int)(taken >> 32) & mask;
            while (slots[slot] != 0)
                slot = (slot + 1) & mask;
            slots[slot] = taken;
        }

        _slots = slots;
    }

    private struct Entry
    {
        public long Count;
        public int Start;
        public int Length;
    }
}
