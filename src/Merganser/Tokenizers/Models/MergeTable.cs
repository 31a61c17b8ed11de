using System.Numerics;
using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// The merges of a BPE model in order of rank, as ids: left, right and the token they make; with a flat hash table from a
/// pair to its rank. A pair that occurs twice keeps its last rank. Immutable.
/// </summary>
public sealed class MergeTable
{
    private const int IdBits = 21;
    private const int RankBits = 22;
    private const int MaxId = (1 << IdBits) - 1;
    private const int MaxCount = (1 << RankBits) - 2;
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    private readonly int[] _lefts;
    private readonly int[] _rights;
    private readonly int[] _results;
    private readonly ulong[] _slots; // left, right, rank + 1: one word, so that a probe touches one cache line; 0 is free
    private readonly int _shift;
    private readonly int _mask;
    private readonly Lazy<bool> _isAscending;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // runs over all tokens on load: no time to warm up
    private MergeTable(Vocabulary vocabulary, string continuingSubwordPrefix, int[] lefts, int[] rights, int[] results)
    {
        Vocabulary = vocabulary;
        ContinuingSubwordPrefix = continuingSubwordPrefix;
        _lefts = lefts;
        _rights = rights;
        _results = results;
        _isAscending = new Lazy<bool>(FindWhetherAscending);
        int bits = Math.Max(4, BitOperations.Log2((uint)Math.Max(1, lefts.Length)) + 2);
        _slots = new ulong[1 << bits];
        _shift = 64 - bits;
        _mask = (1 << bits) - 1;
        for (int rank = 0; rank < lefts.Length; rank++)
        {
            ulong key = Key(lefts[rank], rights[rank]);
            int slot = Slot(key);
            while (_slots[slot] != 0 && _slots[slot] >> RankBits != key)
                slot = (slot + 1) & _mask;
            _slots[slot] = (key << RankBits) | (uint)(rank + 1);
        }
    }

    /// <summary>The vocabulary whose ids the merges use.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>What marks every symbol but the first of a pretoken; it is taken off the right half of a merge.</summary>
    public string ContinuingSubwordPrefix { get; }

    /// <summary>The number of merges.</summary>
    public int Count => _lefts.Length;

    /// <summary>Whether every merge that uses a token ranks behind all merges that make it, as trainers write them.</summary>
    internal bool IsAscending => _isAscending.Value;

    /// <summary>The merge of a rank.</summary>
    public (int Left, int Right, int Result) this[int rank] => (_lefts[rank], _rights[rank], _results[rank]);

    /// <summary>The rank of a pair of ids; -1 when the pair does not merge.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Rank(int left, int right)
    {
        ulong key = Key(left, right);
        ulong[] slots = _slots;
        int slot = Slot(key);
        while (true)
        {
            ulong entry = slots[slot];
            if (entry >> RankBits == key)
                return (int)(entry & ((1 << RankBits) - 1)) - 1; // the pair (0, 0) meets a free slot: -1, too
            if (entry == 0)
                return -1;
            slot = (slot + 1) & _mask;
        }
    }

    /// <summary>The token that the merge of a rank makes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Result(int rank) => _results[rank];

    private bool FindWhetherAscending()
    {
        var lastMade = new int[Vocabulary.IdLimit];
        Array.Fill(lastMade, -1);
        for (int rank = 0; rank < _results.Length; rank++)
            lastMade[_results[rank]] = rank;
        for (int rank = 0; rank < _results.Length; rank++)
        {
            if (lastMade[_lefts[rank]] >= rank || lastMade[_rights[rank]] >= rank)
                return false;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Key(int left, int right) => ((ulong)(uint)left << IdBits) | (uint)right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Slot(ulong key) => (int)((key * Multiplier) >> _shift);

    /// <summary>Collects merges in order of rank.</summary>
    public sealed class Builder
    {
        private readonly Vocabulary _vocabulary;
        private readonly string _prefix;
        private readonly byte[] _prefixBytes;
        private int[] _lefts = new int[1024];
        private int[] _rights = new int[1024];
        private int[] _results = new int[1024];
        private byte[] _joined = new byte[256];

        /// <summary>Makes an empty list.</summary>
        /// <param name="vocabulary">The tokens.</param>
        /// <param name="continuingSubwordPrefix">Taken off the right half when the merged token is looked up; may be empty.</param>
        public Builder(Vocabulary vocabulary, string continuingSubwordPrefix = "")
        {
            ArgumentNullException.ThrowIfNull(vocabulary);
            ArgumentNullException.ThrowIfNull(continuingSubwordPrefix);
            _vocabulary = vocabulary;
            _prefix = continuingSubwordPrefix;
            _prefixBytes = System.Text.Encoding.UTF8.GetBytes(continuingSubwordPrefix);
        }

        /// <summary>The number of merges so far.</summary>
        public int Count { get; private set; }

        /// <summary>Adds a merge as a line of a merges file: two tokens with a space between.</summary>
        /// <exception cref="MerganserException">Not two tokens, or one is not in the vocabulary.</exception>
        public void AddLine(ReadOnlySpan<byte> line)
        {
            int space = line.IndexOf((byte)' ');
            if (space <= 0 || space == line.Length - 1 || line[(space + 1)..].Contains((byte)' '))
                throw new MerganserException($"merge {Count} '{Text(line)}' is not two tokens with one space between");
            Add(line[..space], line[(space + 1)..]);
        }

        /// <summary>Adds a merge.</summary>
        /// <exception cref="MerganserException">One of the halves or the merged token is not in the vocabulary.</exception>
        public void Add(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
        {
            if (!_vocabulary.TryGetId(left, out int leftId))
                throw Missing(left, left, right);
            if (!_vocabulary.TryGetId(right, out int rightId))
                throw Missing(right, left, right);
            Add(leftId, rightId, left, right);
        }

        /// <summary>Adds a merge of two ids.</summary>
        /// <exception cref="MerganserException">An id has no token, or the merged token is not in the vocabulary.</exception>
        public void Add(int left, int right)
        {
            if (!_vocabulary.Contains(left) || !_vocabulary.Contains(right))
                throw new MerganserException($"merge {Count} uses the id {(_vocabulary.Contains(left) ? right : left)}, which is not in the vocabulary");
            Add(left, right, _vocabulary[left], _vocabulary[right]);
        }

        /// <summary>Adds the merges of another list of the same vocabulary; false when they are too many.</summary>
        internal bool TryAppend(Builder other)
        {
            int count = Count + other.Count;
            if (count > MaxCount + 1)
                return false;
            if (_lefts.Length < count)
            {
                Array.Resize(ref _lefts, count);
                Array.Resize(ref _rights, count);
                Array.Resize(ref _results, count);
            }

            other._lefts.AsSpan(0, other.Count).CopyTo(_lefts.AsSpan(Count));
            other._rights.AsSpan(0, other.Count).CopyTo(_rights.AsSpan(Count));
            other._results.AsSpan(0, other.Count).CopyTo(_results.AsSpan(Count));
            Count = count;
            return true;
        }

        /// <summary>Makes the table.</summary>
        public MergeTable Build() => new(_vocabulary, _prefix, _lefts.AsSpan(0, Count).ToArray(), _rights.AsSpan(0, Count).ToArray(), _results.AsSpan(0, Count).ToArray());

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Add(int leftId, int rightId, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
        {
            ReadOnlySpan<byte> tail = _prefixBytes.Length > 0 && right.StartsWith(_prefixBytes) ? right[_prefixBytes.Length..] : right;
            int length = checked(left.Length + tail.Length);
            if (_joined.Length < length)
                _joined = new byte[Math.Max(length, 2 * _joined.Length)];
            left.CopyTo(_joined);
            tail.CopyTo(_joined.AsSpan(left.Length));
            ReadOnlySpan<byte> joined = _joined.AsSpan(0, length);
            if (!_vocabulary.TryGetId(joined, out int result))
                throw Missing(joined, left, right);
            if (leftId > MaxId || rightId > MaxId)
                throw new MerganserException($"merge {Count} uses the id {Math.Max(leftId, rightId)}; merges go up to id {MaxId}");
            if (Count > MaxCount)
                throw new MerganserException($"more than {MaxCount + 1} merges");
            if (Count == _lefts.Length)
            {
                Array.Resize(ref _lefts, 2 * Count);
                Array.Resize(ref _rights, 2 * Count);
                Array.Resize(ref _results, 2 * Count);
            }

            _lefts[Count] = leftId;
            _rights[Count] = rightId;
            _results[Count] = result;
            Count++;
        }

        private MerganserException Missing(ReadOnlySpan<byte> token, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
            new($"merge {Count} ('{Text(left)}' + '{Text(right)}') needs the token '{Text(token)}', which is not in the vocabulary");

        private static string Text(ReadOnlySpan<byte> token) => System.Text.Encoding.UTF8.GetString(token);
    }
}
