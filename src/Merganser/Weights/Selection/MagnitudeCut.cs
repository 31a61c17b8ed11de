using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Merganser.Weights.Selection;

/// <summary>
/// The elements with the k largest magnitudes: all above a threshold and, in order of their index, the first few of those
/// that equal it. It must see a tensor's values in order; <see cref="Begin"/> starts over.
/// </summary>
/// <param name="threshold">The k-th largest magnitude, as a bit pattern without sign.</param>
/// <param name="ties">Elements that equal the threshold.</param>
/// <param name="selectedTies">How many of them belong to the k largest.</param>
internal struct MagnitudeCut(int threshold, long ties, long selectedTies)
{
    private const int AbsoluteMask = 0x7FFFFFFF;

    private readonly long _selected = selectedTies;
    private long _left = selectedTies;

    /// <summary>The k-th largest magnitude, as a bit pattern without sign.</summary>
    public readonly int Threshold => threshold;

    /// <summary>True when all elements equal to the threshold are selected, so that order does not matter.</summary>
    public readonly bool HasNoLooseTies => ties == _selected;

    /// <summary>Goes back to the first element.</summary>
    public void Begin() => _left = _selected;

    /// <summary>Sets everything that is not selected to 0.</summary>
    public void Keep(Span<float> values)
    {
        if (TryFindLimit(values, out int limit))
        {
            KeepAbove(values, limit);
            return;
        }

        foreach (ref float value in values)
        {
            if (!IsSelected(value))
                value = 0;
        }
    }

    /// <summary>Sets everything that is selected to 0.</summary>
    public void Drop(Span<float> values)
    {
        if (TryFindLimit(values, out int limit))
        {
            DropAbove(values, limit);
            return;
        }

        foreach (ref float value in values)
        {
            if (IsSelected(value))
                value = 0;
        }
    }

    /// <summary>Sets the bits of the selected ones of some changes of stored bfloat16 numbers, and no others.</summary>
    public unsafe void Select(ushort* origin, ushort* model, int count, byte* bits)
    {
        if (HasNoLooseTies || _left == 0)
        {
            StoredCut.Above(origin, model, count, HasNoLooseTies ? threshold - 1 : threshold, bits);
            return;
        }

        int equal = StoredCut.AboveOrEqual(origin, model, count, threshold, bits);
        if (equal > _left)
            StoredCut.KeepFirst(origin, model, count, threshold, _left, bits);
        _left = Math.Max(0, _left - equal);
    }

    /// <summary>Sets magnitudes not above a limit to 0.</summary>
    public static void KeepAbove(Span<float> values, int limit)
    {
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector<int> absolute = new(AbsoluteMask);
        Vector<int> edge = new(limit);
        int index = 0;
        for (; index <= values.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<int> bits = Vector.LoadUnsafe(ref first, (nuint)index).AsVectorInt32();
            (bits & Vector.GreaterThan(bits & absolute, edge)).AsVectorSingle().StoreUnsafe(ref first, (nuint)index);
        }

        for (; index < values.Length; index++)
        {
            if ((BitConverter.SingleToInt32Bits(values[index]) & AbsoluteMask) <= limit)
                values[index] = 0;
        }
    }

    private static void DropAbove(Span<float> values, int limit)
    {
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector<int> absolute = new(AbsoluteMask);
        Vector<int> edge = new(limit);
        int index = 0;
        for (; index <= values.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<int> bits = Vector.LoadUnsafe(ref first, (nuint)index).AsVectorInt32();
            Vector.AndNot(bits, Vector.GreaterThan(bits & absolute, edge)).AsVectorSingle().StoreUnsafe(ref first, (nuint)index);
        }

        for (; index < values.Length; index++)
        {
            if ((BitConverter.SingleToInt32Bits(values[index]) & AbsoluteMask) > limit)
                values[index] = 0;
        }
    }

    /// <summary>True when one comparison separates these values; false when the selected ties run out among them.</summary>
    private bool TryFindLimit(ReadOnlySpan<float> values, out int limit)
    {
        limit = threshold - 1;
        if (HasNoLooseTies)
            return true;
        if (_left == 0)
        {
            limit = threshold;
            return true;
        }

        int count = CountEqual(values);
        if (count > _left)
            return false;
        _left -= count;
        return true;
    }

    private readonly int CountEqual(ReadOnlySpan<float> values)
    {
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector<int> absolute = new(AbsoluteMask);
        Vector<int> wanted = new(threshold);
        Vector<int> equal = default;
        int index = 0;
        for (; index <= values.Length - Vector<float>.Count; index += Vector<float>.Count)
            equal -= Vector.Equals(Vector.LoadUnsafe(ref first, (nuint)index).AsVectorInt32() & absolute, wanted);
        int count = Vector.Sum(equal);
        for (; index < values.Length; index++)
            count += (BitConverter.SingleToInt32Bits(values[index]) & AbsoluteMask) == threshold ? 1 : 0;
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsSelected(float value)
    {
        int key = BitConverter.SingleToInt32Bits(value) & AbsoluteMask;
        return key > threshold || (key == threshold && _left > 0 && _left-- > 0);
    }
}
