using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>The magnitudes inside a bracket, and how many others there are. Beyond a limit they are counted but no longer kept.</summary>
internal sealed class BracketList
{
    private const int AbsoluteMask = 0x7FFFFFFF;

    private int[] _list = [];
    private int _length;
    private int _expected;

    /// <summary>Magnitudes above the bracket.</summary>
    public long Above { get; private set; }

    /// <summary>Magnitudes inside.</summary>
    public long Inside { get; private set; }

    /// <summary>Magnitudes that are 0; not counted by <see cref="Append(ReadOnlySpan{int}, long, int)"/>.</summary>
    public long Zeros { get; private set; }

    /// <summary>True when the list is not complete.</summary>
    public bool Overflowed { get; private set; }

    /// <summary>What is kept.</summary>
    public Span<int> Keys => _list.AsSpan(0, _length);

    /// <summary>Starts over.</summary>
    /// <param name="isCounting">True to keep nothing.</param>
    /// <param name="expected">Room to make at the first need of any: a list that grows is copied.</param>
    public void Begin(bool isCounting, int expected)
    {
        _expected = expected;
        Above = Inside = Zeros = 0;
        _length = 0;
        Overflowed = isCounting;
    }

    /// <summary>Gives the memory back.</summary>
    public void GiveBack()
    {
        if (_list.Length > 0)
            ArrayPool<int>.Shared.Return(_list);
        _list = [];
        _length = 0;
    }

    /// <summary>Keeps everything.</summary>
    public void AddAll(ReadOnlySpan<float> values)
    {
        Reserve(values.Length);
        foreach (float value in values)
            _list[_length++] = Key(value);
    }

    /// <summary>Counts without looking.</summary>
    public void AddCounts(long above, long inside)
    {
        Above += above;
        Inside += inside;
    }

    /// <summary>Takes magnitudes that are all in the bracket; the number of those above it is known.</summary>
    public void Append(ReadOnlySpan<int> keys, long above, int limit)
    {
        Above += above;
        Inside += keys.Length;
        if (_length + keys.Length > limit)
            Overflowed = true;
        if (Overflowed)
            return;
        Reserve(keys.Length);
        keys.CopyTo(_list.AsSpan(_length));
        _length += keys.Length;
    }

    /// <summary>Takes those of a list of magnitudes that are in the bracket; the number of those above it is known.</summary>
    public void Append(ReadOnlySpan<int> keys, long above, int low, int high, int limit)
    {
        long sum = Above + above;
        Collect(MemoryMarshal.Cast<int, float>(keys), low, high, limit);
        Above = sum;
    }

    /// <summary>Takes the magnitudes that are in the bracket, counts the others.</summary>
    public void Collect(ReadOnlySpan<float> values, int lowest, int highest, int limit)
    {
        if (_length + values.Length > limit)
            Overflowed = true;
        int room = Overflowed ? 0 : values.Length;
        Reserve(room);
        Span<int> list = _list.AsSpan(_length, room + LanePacker.Spare);
        int index = 0;
        int length = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ref float first = ref MemoryMarshal.GetReference(values);
            ref int next = ref MemoryMarshal.GetReference(list);
            Vector256<int> absolute = Vector256.Create(AbsoluteMask);
            Vector256<int> low = Vector256.Create(lowest);
            Vector256<int> width = Vector256.Create(highest - lowest);
            Vector256<int> above = default;
            Vector256<int> zeros = default;

            // Without room every vector goes to the same place.
            int advance = Overflowed ? 0 : -1;
            for (; index <= values.Length - Vector256<int>.Count; index += Vector256<int>.Count)
            {
                Vector256<int> key = Vector256.LoadUnsafe(ref first, (nuint)index).AsInt32() & absolute;
                Vector256<int> distance = key - low;
                Vector256<int> over = Vector256.GreaterThan(distance, width);
                above -= over;
                zeros -= Vector256.Equals(key, Vector256<int>.Zero);

                // The sign bit of the distance tells what is below.
                uint inside = Vector256.ExtractMostSignificantBits(distance | over) ^ 0xFF;
                LanePacker.Pack(key, inside).StoreUnsafe(ref next, (nuint)(length & advance));
                length += BitOperations.PopCount(inside);
            }

            Above += Vector256.Sum(above);
            Zeros += Vector256.Sum(zeros);
        }

        for (; index < values.Length; index++)
        {
            int key = Key(values[index]);
            Zeros += key == 0 ? 1 : 0;
            if (key > highest)
            {
                Above++;
            }
            else if (key >= lowest)
            {
                if (!Overflowed)
                    list[length] = key;
                length++;
            }
        }

        Inside += length;
        if (!Overflowed)
            _length += length;
    }

    private static int Key(float value) => BitConverter.SingleToInt32Bits(value) & AbsoluteMask;

    /// <summary>Makes room for some more magnitudes. Lists come from a pool: fresh memory would cost more than filling it.</summary>
    private void Reserve(int more)
    {
        int wanted = _length + more + LanePacker.Spare;
        if (wanted <= _list.Length)
            return;
        int[] longer = ArrayPool<int>.Shared.Rent(Math.Max(wanted, Math.Max(Math.Max(1 << 15, _expected), 2 * _list.Length)));
        Keys.CopyTo(longer);
        int length = _length;
        GiveBack();
        _list = longer;
        _length = length;
    }
}
