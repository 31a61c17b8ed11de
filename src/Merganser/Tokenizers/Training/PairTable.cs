using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// Weights of pairs of symbols: open addressing with key and weight side by side, so that an update touches one cache line.
/// </summary>
internal sealed class PairTable
{
    private const ulong Free = ulong.MaxValue; // symbols are not negative, so no pair looks like this
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    private Slot[] _slots;
    private int[] _heads; // beside the slots: the first entry of the pair, for those who ask by pair
    private int _shift;
    private int _count;

    public PairTable()
    {
        const int bits = 12;
        _slots = CreateSlots(1 << bits);
        _heads = new int[1 << bits];
        _shift = 64 - bits;
    }

    public static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    public ref double Weight(int slot) => ref _slots[slot].Weight;

    /// <summary>One more than the number of the pair's first entry; 0: none.</summary>
    public ref int Head(int slot) => ref _heads[slot];

    /// <summary>The slot of a pair; -1 when it was never added. Slots move when pairs are added without room reserved.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(ulong key)
    {
        Slot[] slots = _slots;
        int mask = slots.Length - 1;
        for (int slot = (int)((key * Multiplier) >> _shift); ; slot = (slot + 1) & mask)
        {
            ulong found = slots[slot].Key;
            if (found == key)
                return slot;
            if (found == Free)
                return -1;
        }
    }

    /// <summary>The slot of a pair, which is added with weight 0 when it is new.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FindOrAdd(ulong key)
    {
        Slot[] slots = _slots;
        int mask = slots.Length - 1;
        for (int slot = (int)((key * Multiplier) >> _shift); ; slot = (slot + 1) & mask)
        {
            ulong found = slots[slot].Key;
            if (found == key)
                return slot;
            if (found != Free)
                continue;
            if (_count >= slots.Length / 2)
            {
                Grow(2 * slots.Length);
                return FindOrAdd(key);
            }

            slots[slot].Key = key;
            _count++;
            return slot;
        }
    }

    /// <summary>Makes room, so that slots stay where they are while this many pairs are added.</summary>
    public void Reserve(int more)
    {
        int length = _slots.Length;
        while (_count + (long)more > length / 2)
            length = checked(2 * length);
        if (length > _slots.Length)
            Grow(length);
    }

    private void Grow(int length)
    {
        Slot[] old = _slots;
        int[] oldHeads = _heads;
        _slots = CreateSlots(length);
        _heads = new int[length];
        _shift = 64 - System.Numerics.BitOperations.Log2((uint)length);
        int mask = length - 1;
        for (int i = 0; i < old.Length; i++)
        {
            if (old[i].Key == Free)
                continue;
            int slot = (int)((old[i].Key * Multiplier) >> _shift);
            while (_slots[slot].Key != Free)
                slot = (slot + 1) & mask;
            _slots[slot] = old[i];
            _heads[slot] = oldHeads[i];
        }
    }

    private static Slot[] CreateSlots(int length)
    {
        var slots = new Slot[length];
        Array.Fill(slots, new Slot { Key = Free });
        return slots;
    }

    private struct Slot
    {
        public ulong Key;
        public double Weight;
    }
}
