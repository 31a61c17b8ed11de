using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Merganser.Tokenizers;

/// <summary>
/// A trie over bytes in two arrays (Aoe 1989): the child of node n by byte b is base[n] + b if the check there is n. One
/// step is one memory access. Values are ids; -1 where no key ends. Immutable.
/// </summary>
internal sealed class DoubleArrayTrie
{
    /// <summary>The node of the empty key.</summary>
    public const int Root = 0;

    private readonly Unit[] _units; // 256 spare units at the end, so that base + byte is always inside

    private DoubleArrayTrie(Unit[] units) => _units = units;

    /// <summary>The child of a node by a byte; -1 when there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Next(int node, byte label)
    {
        Unit[] units = _units;
        int child = units[node].Base + label;
        return units[child].Check == node ? child : -1;
    }

    /// <summary>The value of the key that ends at a node; -1 when none does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Value(int node) => _units[node].Value;

    /// <summary>The node that a key leads to from another; -1 when there is none.</summary>
    public int Find(int node, ReadOnlySpan<byte> key)
    {
        for (int i = 0; i < key.Length && node >= 0; i++)
            node = Next(node, key[i]);
        return node;
    }

    /// <summary>The longest key at the start of a text.</summary>
    /// <returns>Its length; 0 when there is none.</returns>
    public int LongestMatch(ReadOnlySpan<byte> text, out int value)
    {
        int node = Root;
        int length = 0;
        value = -1;
        for (int i = 0; i < text.Length; i++)
        {
            node = Next(node, text[i]);
            if (node < 0)
                break;
            int found = Value(node);
            if (found >= 0)
            {
                value = found;
                length = i + 1;
            }
        }

        return length;
    }

    /// <summary>Makes a trie of all tokens that are not empty; the values are their ids.</summary>
    public static DoubleArrayTrie Create(Vocabulary vocabulary)
    {
        var builder = new Builder();
        for (int id = 0; id < vocabulary.IdLimit; id++)
        {
            if (vocabulary[id].Length > 0)
                builder.Add(vocabulary[id], id);
        }

        return builder.Build();
    }

    private struct Unit
    {
        public int Base;
        public int Check;
        public int Value;
    }

    /// <summary>Collects keys in any order; of equal keys the last added counts.</summary>
    public sealed class Builder
    {
        private const int Tries = 96; // free units looked at before a node's children go to the end

        private readonly List<(int Start, int Length, int Value)> _keys = [];
        private byte[] _blob = new byte[1 << 12];
        private int _used;
        private Unit[] _units = [];
        private int[] _nextFree = [];
        private int[] _previousFree = [];
        private int _limit; // units in use or in the list of free ones; unit 0 is the head of that list

        /// <summary>Adds a key.</summary>
        public void Add(ReadOnlySpan<byte> key, int value)
        {
            if (_used > _blob.Length - key.Length)
                Array.Resize(ref _blob, checked((int)Math.Max(2L * _blob.Length, (long)_used + key.Length)));
            key.CopyTo(_blob.AsSpan(_used));
            _keys.Add((_used, key.Length, value));
            _used += key.Length;
        }

        /// <summary>Makes the trie.</summary>
        public DoubleArrayTrie Build()
        {
            (int Start, int Length, int Value)[] keys = Sorted();
            GrowTo(Math.Max(1024, keys.Length * 2));
            _limit = 1;
            _units[Root].Check = -2;
            var pending = new Stack<(int Node, int From, int To, int Depth)>();
            var children = new List<(byte Label, int From, int To)>();
            pending.Push((Root, 0, keys.Length, 0));
            while (pending.TryPop(out (int Node, int From, int To, int Depth) at))
            {
                int from = at.From;
                while (from < at.To && keys[from].Length == at.Depth)
                    _units[at.Node].Value = keys[from++].Value;
                children.Clear();
                while (from < at.To)
                {
                    byte label = _blob[keys[from].Start + at.Depth];
                    int to = from + 1;
                    while (to < at.To && _blob[keys[to].Start + at.Depth] == label)
                        to++;
                    children.Add((label, from, to));
                    from = to;
                }

                if (children.Count == 0)
                    continue;
                int position = FindBase(children);
                _units[at.Node].Base = position;
                foreach ((byte label, int childFrom, int childTo) in children)
                {
                    Take(position + label, at.Node);
                    pending.Push((position + label, childFrom, childTo, at.Depth + 1));
                }
            }

            Array.Resize(ref _units, _limit + 256);
            for (int i = _limit; i < _units.Length; i++)
                _units[i] = new Unit { Check = -1, Value = -1 };
            return new DoubleArrayTrie(_units);
        }

        /// <summary>The keys in byte order; equal keys in the order they were added.</summary>
        private (int Start, int Length, int Value)[] Sorted()
        {
            (int Start, int Length, int Value)[] keys = [.. _keys];
            var heads = new ulong[keys.Length];
            Span<byte> head = stackalloc byte[8];
            for (int i = 0; i < keys.Length; i++)
            {
                head.Clear();
                _blob.AsSpan(keys[i].Start, Math.Min(8, keys[i].Length)).CopyTo(head);
                heads[i] = BinaryPrimitives.ReadUInt64BigEndian(head);
            }

            Array.Sort(heads, keys);
            byte[] blob = _blob;
            for (int from = 0, to; from < keys.Length; from = to)
            {
                to = from + 1;
                while (to < keys.Length && heads[to] == heads[from])
                    to++;
                if (to - from > 1)
                {
                    keys.AsSpan(from, to - from).Sort((a, b) =>
                    {
                        int order = blob.AsSpan(a.Start, a.Length).SequenceCompareTo(blob.AsSpan(b.Start, b.Length));
                        return order != 0 ? order : a.Start.CompareTo(b.Start);
                    });
                }
            }

            return keys;
        }

        private int FindBase(List<(byte Label, int From, int To)> children)
        {
            ReadOnlySpan<(byte Label, int From, int To)> labels = CollectionsMarshal.AsSpan(children);
            int first = labels[0].Label;
            int free = _nextFree[Root];
            for (int tries = 0; free != Root && tries < Tries; tries++, free = _nextFree[free])
            {
                int position = free - first;
                if (position < 1)
                    continue;
                bool fits = true;
                foreach ((byte label, _, _) in labels)
                {
                    int unit = position + label;
                    if (unit < _limit && _units[unit].Check != -1)
                    {
                        fits = false;
                        break;
                    }
                }

                if (fits)
                    return position;
            }

            return Math.Max(1, _limit - first);
        }

        private void Take(int unit, int parent)
        {
            while (_limit <= unit)
            {
                if (_limit == _units.Length)
                    GrowTo(_limit + 1);
                _nextFree[_limit] = Root;
                int last = _previousFree[Root];
                _previousFree[_limit] = last;
                _nextFree[last] = _limit;
                _previousFree[Root] = _limit++;
            }

            _nextFree[_previousFree[unit]] = _nextFree[unit];
            _previousFree[_nextFree[unit]] = _previousFree[unit];
            _units[unit].Check = parent;
        }

        private void GrowTo(int wanted)
        {
            int old = _units.Length;
            int length = checked((int)Math.Max(wanted, 2L * old));
            Array.Resize(ref _units, length);
            Array.Resize(ref _nextFree, length);
            Array.Resize(ref _previousFree, length);
            for (int i = old; i < length; i++)
                _units[i] = new Unit { Check = -1, Value = -1 };
        }
    }
}
