using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Tokenizers;

/// <summary>
/// Remembers the tokens of words (any bytes that are always encoded alike) on one thread. Words of up to 15 bytes are
/// compared as one 128-bit value with the length in the last byte; a token is its id, whether a pretoken ends with it and, in
/// the upper byte, where it begins and ends. Two slots per place, the one used last first. When the memory for long entries is full everything is forgotten.
/// </summary>
internal sealed class WordCache
{
    /// <summary>The longest word that is kept as one value.</summary>
    public const int ShortLimit = 15;

    /// <summary>The longest word that is remembered.</summary>
    public const int LongLimit = 255;

    /// <summary>The most tokens that stand in the slot itself.</summary>
    public const int InlineLimit = 3;

    /// <summary>Masks the id out of a packed token.</summary>
    public const int IdMask = 0x7FFFFF;

    /// <summary>In a packed token: it is the last of its pretoken.</summary>
    public const int EndsPretoken = 0x800000;

    /// <summary>Ids from here on cannot be packed.</summary>
    public const int IdLimit = IdMask + 1;

    private const int FirstPlaceBits = 11;
    private const int LastPlaceBits = 15;
    private const int LongBits = 12;
    private const int PoolLimit = 1 << 18;

    private Slot[] _slots = new Slot[2 << FirstPlaceBits];
    private int _placeBits = FirstPlaceBits;
    private int _added; // words since the table grew
    private readonly LongSlot[] _longSlots = new LongSlot[1 << LongBits];
    private int[] _pool = new int[1 << 12]; // packed tokens, or ids and ranges of long words
    private int _poolUsed;
    private byte[] _bytes = new byte[1 << 12];
    private int _bytesUsed;

    // A load at 16 - n gives n bytes of ones and then zeros.
    private static ReadOnlySpan<byte> Ones =>
    [
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    /// <summary>How far the hash of a key is shifted to give its place; changes when the table grows.</summary>
    public int Shift => 64 - _placeBits;

    /// <summary>The first slot, for lookups without bound checks; changes when the table grows.</summary>
    public ref Slot FirstSlot => ref MemoryMarshal.GetArrayDataReference(_slots);

    /// <summary>The key of a word of up to 15 bytes; 16 bytes are read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Key(ref byte word, int length)
    {
        Vector128<byte> mask = Vector128.LoadUnsafe(ref MemoryMarshal.GetReference(Ones), (nuint)(16 - length));
        return (Vector128.LoadUnsafe(ref word) & mask).WithElement(15, (byte)length);
    }

    /// <summary>The key of a word of up to 15 bytes of which no more may be read.</summary>
    [SkipLocalsInit]
    public static Vector128<byte> Key(ReadOnlySpan<byte> word)
    {
        Span<byte> room = stackalloc byte[16];
        room.Clear();
        word.CopyTo(room);
        return Key(ref MemoryMarshal.GetReference(room), word.Length);
    }

    /// <summary>The number of the first of the two slots of a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Place(Vector128<byte> key, int shift)
    {
        ulong low = key.AsUInt64().GetElement(0);
        ulong high = key.AsUInt64().GetElement(1);
        ulong mixed = (low * 0x9E3779B97F4A7C15) ^ (high * 0xC2B2AE3D27D4EB4F);
        mixed = (mixed ^ (mixed >> 32)) * 0x9E3779B97F4A7C15;
        return (int)(mixed >> shift) << 1;
    }

    /// <summary>Exchanges the two slots of a place when the key is in the second, so that the one used longer ago is given up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Promote(ref Slot first, Vector128<byte> key)
    {
        ref Slot second = ref Unsafe.Add(ref first, 1);
        if (second.Key == key)
            (first, second) = (second, first);
    }

    /// <summary>The packed tokens of a slot that holds more than three.</summary>
    public ReadOnlySpan<int> Pooled(in Slot slot) => _pool.AsSpan(slot.First, slot.Count);

    /// <summary>Remembers a short word.</summary>
    public void Add(Vector128<byte> key, TokenBuffer tokens)
    {
        int count = tokens.Count;
        var slot = new Slot { Key = key, Count = count };
        if (count <= InlineLimit)
        {
            slot.First = count > 0 ? Pack(tokens, 0) : 0;
            slot.Second = count > 1 ? Pack(tokens, 1) : 0;
            slot.Third = count > 2 ? Pack(tokens, 2) : 0;
            foreach (int end in Ends(tokens))
                Unsafe.Add(ref slot.First, end - 1) |= EndsPretoken;
        }
        else
        {
            slot.First = Allocate(count);
            for (int i = 0; i < count; i++)
                _pool[slot.First + i] = Pack(tokens, i);
            foreach (int end in Ends(tokens))
                _pool[slot.First + end - 1] |= EndsPretoken;
        }

        Insert(slot);
        if (++_added > _slots.Length && _placeBits < LastPlaceBits)
            Enlarge();
    }

    /// <summary>Finds a word longer than 15 bytes and appends its tokens.</summary>
    public bool TryAppend(ReadOnlySpan<byte> word, ulong hash, int start, TokenBuffer tokens)
    {
        ref LongSlot slot = ref _longSlots[hash >> (64 - LongBits)];
        if (slot.Hash != hash || slot.Length != word.Length || !_bytes.AsSpan(slot.Bytes, slot.Length).SequenceEqual(word))
            return false;
        ReadOnlySpan<int> pool = _pool.AsSpan(slot.Tokens, 2 * slot.Count);
        tokens.Reserve(slot.Count);
        for (int i = 0; i < pool.Length; i += 2)
        {
            tokens.Add(pool[i] & IdMask, start + (pool[i + 1] & 0xFFFF), start + (pool[i + 1] >> 16));
            if ((pool[i] & EndsPretoken) != 0)
                tokens.PretokenEnds?.Add(tokens.Count);
        }

        return true;
    }

    /// <summary>Remembers a word of 16 to 255 bytes.</summary>
    public void AddLong(ReadOnlySpan<byte> word, ulong hash, TokenBuffer tokens)
    {
        int pool = Allocate(2 * tokens.Count);
        if (_bytes.Length - _bytesUsed < word.Length)
            Array.Resize(ref _bytes, 2 * _bytes.Length);
        word.CopyTo(_bytes.AsSpan(_bytesUsed));
        for (int i = 0; i < tokens.Count; i++)
        {
            _pool[pool + (2 * i)] = tokens.Ids[i];
            _pool[pool + (2 * i) + 1] = tokens.Starts[i] | (tokens.Ends[i] << 16);
        }

        foreach (int end in Ends(tokens))
            _pool[pool + (2 * (end - 1))] |= EndsPretoken;
        _longSlots[hash >> (64 - LongBits)] = new LongSlot { Hash = hash, Bytes = _bytesUsed, Length = word.Length, Tokens = pool, Count = tokens.Count };
        _bytesUsed += word.Length;
    }

    private void Insert(in Slot slot)
    {
        int place = Place(slot.Key, Shift);
        _slots[place + 1] = _slots[place];
        _slots[place] = slot;
    }

    /// <summary>A tokenizer that sees little text keeps a small table.</summary>
    private void Enlarge()
    {
        Slot[] old = _slots;
        _placeBits += 2;
        _added = 0;
        _slots = new Slot[2 << _placeBits];
        for (int i = old.Length - 1; i >= 0; i--)
        {
            if (old[i].Key != default)
                Insert(old[i]);
        }
    }

    private static ReadOnlySpan<int> Ends(TokenBuffer tokens) => CollectionsMarshal.AsSpan(tokens.PretokenEnds);

    private static int Pack(TokenBuffer tokens, int i) => tokens.Ids[i] | (tokens.Starts[i] << 24) | (tokens.Ends[i] << 28);

    private int Allocate(int count)
    {
        if (_poolUsed + count > PoolLimit || _bytesUsed > PoolLimit)
        {
            Array.Clear(_slots);
            Array.Clear(_longSlots);
            _poolUsed = 0;
            _bytesUsed = 0;
        }

        while (_pool.Length - _poolUsed < count)
            Array.Resize(ref _pool, 2 * _pool.Length);
        _poolUsed += count;
        return _poolUsed - count;
    }

    /// <summary>A short word and its packed tokens, or where in the pool they are. Half a cache line.</summary>
    internal struct Slot
    {
        public Vector128<byte> Key;
        public int First;
        public int Second;
        public int Third;
        public int Count;
    }

    private struct LongSlot
    {
        public ulong Hash;
        public int Bytes;
        public int Length;
        public int Tokens;
        public int Count;
    }
}
