using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// Token strings and their ids: one blob of UTF-8 (or, for byte-level vocabularies kept as bytes, raw bytes) with an offset
/// per id and an open-addressing table from bytes to id. Immutable; ids may have gaps. No string is kept per token.
/// </summary>
public sealed class Vocabulary
{
    private const int Absent = -1;

    private readonly byte[] _blob;
    private readonly int[] _starts; // by id
    private readonly int[] _lengths; // Absent where an id has no token
    private readonly ulong[] _slots; // upper half of the hash, then id + 1; 0 is free
    private readonly int _mask;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // runs over all tokens on load: no time to warm up
    private Vocabulary(byte[] blob, int[] starts, int[] lengths, int count)
    {
        _blob = blob;
        _starts = starts;
        _lengths = lengths;
        Count = count;
        int capacity = 16;
        while (capacity < count * 2L)
            capacity = checked(capacity * 2);
        _slots = new ulong[capacity];
        _mask = capacity - 1;
        for (int id = 0; id < lengths.Length; id++)
        {
            if (lengths[id] == Absent)
                continue;
            ReadOnlySpan<byte> token = this[id];
            ulong hash = ByteHash.Compute(token);
            int slot = (int)hash & _mask;
            for (; _slots[slot] != 0; slot = (slot + 1) & _mask)
            {
                int other = (int)(uint)_slots[slot] - 1;
                if (_slots[slot] >> 32 == hash >> 32 && token.SequenceEqual(this[other]))
                    throw new MerganserException($"the vocabulary has the token '{System.Text.Encoding.UTF8.GetString(token)}' twice (ids {other} and {id})");
            }

            _slots[slot] = (hash >> 32 << 32) | (uint)(id + 1);
        }
    }

    /// <summary>The number of tokens.</summary>
    public int Count { get; }

    /// <summary>One more than the highest id.</summary>
    public int IdLimit => _lengths.Length;

    /// <summary>The bytes of a token; empty for an id without a token.</summary>
    public ReadOnlySpan<byte> this[int id] =>
        (uint)id < (uint)_lengths.Length && _lengths[id] > 0 ? _blob.AsSpan(_starts[id], _lengths[id]) : [];

    /// <summary>Whether an id has a token.</summary>
    public bool Contains(int id) => (uint)id < (uint)_lengths.Length && _lengths[id] != Absent;

    /// <summary>Finds the id of a token.</summary>
    /// <returns>False when it is not in the vocabulary; then <paramref name="id"/> is -1.</returns>
    public bool TryGetId(ReadOnlySpan<byte> token, out int id)
    {
        ulong hash = ByteHash.Compute(token);
        for (int slot = (int)hash & _mask; _slots[slot] != 0; slot = (slot + 1) & _mask)
        {
            if (_slots[slot] >> 32 != hash >> 32)
                continue;
            id = (int)(uint)_slots[slot] - 1;
            if (token.SequenceEqual(this[id]))
                return true;
        }

        id = Absent;
        return false;
    }

    /// <summary>Finds the id of a token.</summary>
    public bool TryGetId(string token, out int id) => TryGetId(System.Text.Encoding.UTF8.GetBytes(token), out id);

    /// <summary>The text of a token; bytes that are no UTF-8 become U+FFFD.</summary>
    public string GetText(int id) => System.Text.Encoding.UTF8.GetString(this[id]);

    /// <summary>Collects the tokens of a vocabulary in any order of ids.</summary>
    public sealed class Builder
    {
        private readonly int _maxId;
        private byte[] _blob = new byte[1 << 16];
        private int _used;
        private int[] _starts = new int[1024];
        private int[] _lengths = new int[1024];
        private int _limit;
        private int _count;

        /// <summary>Makes a builder.</summary>
        /// <param name="maxId">The highest id that is accepted, so that a hostile file cannot ask for a huge table.</param>
        public Builder(int maxId = 16_777_215)
        {
            _maxId = maxId;
            Array.Fill(_lengths, Absent);
        }

        /// <summary>The number of tokens so far.</summary>
        public int Count => _count;

        /// <summary>Adds a token.</summary>
        /// <exception cref="MerganserException">The id is taken or out of range.</exception>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Add(ReadOnlySpan<byte> token, int id)
        {
            if (id < 0 || id > _maxId)
                throw new MerganserException($"token id {id} of '{System.Text.Encoding.UTF8.GetString(token)}' is out of range (0 to {_maxId})");
            if (id >= _lengths.Length)
                GrowTo(id);
            if (_lengths[id] != Absent)
                throw new MerganserException($"the vocabulary gives the id {id} to two tokens ('{System.Text.Encoding.UTF8.GetString(_blob.AsSpan(_starts[id], _lengths[id]))}' and '{System.Text.Encoding.UTF8.GetString(token)}')");
            if (_used > _blob.Length - token.Length)
                Array.Resize(ref _blob, checked((int)Math.Min(Array.MaxLength, Math.Max(2L * _blob.Length, (long)_used + token.Length))));
            token.CopyTo(_blob.AsSpan(_used));
            _starts[id] = _used;
            _lengths[id] = token.Length;
            _used += token.Length;
            _limit = Math.Max(_limit, id + 1);
            _count++;
        }

        /// <summary>Adds a token.</summary>
        public void Add(string token, int id) => Add(System.Text.Encoding.UTF8.GetBytes(token), id);

        /// <summary>Makes the vocabulary.</summary>
        /// <exception cref="MerganserException">A token has two ids.</exception>
        public Vocabulary Build() => new(_blob.AsSpan(0, _used).ToArray(), _starts.AsSpan(0, _limit).ToArray(), _lengths.AsSpan(0, _limit).ToArray(), _count);

        private void GrowTo(int id)
        {
            int old = _lengths.Length;
            int length = (int)Math.Min(_maxId + 1L, Math.Max(2L * old, id + 1L));
            Array.Resize(ref _starts, length);
            Array.Resize(ref _lengths, length);
            _lengths.AsSpan(old).Fill(Absent);
        }
    }
}
