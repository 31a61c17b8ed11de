using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>Compares the magnitudes of changes of stored bfloat16 numbers with a limit, one bit for each element.</summary>
internal static unsafe class StoredCut
{
    /// <summary>Sets the bits of the elements whose magnitude (the bit pattern without sign) is above a limit, and no others.</summary>
    public static void Above(ushort* origin, ushort* model, int count, int limit, byte* bits)
    {
        int index = 0;
        Vector256<int> edge = Vector256.Create(limit);
        for (; index <= count - (2 * StoredBits.Width); index += 2 * StoredBits.Width)
        {
            *(uint*)(bits + (index >> 3)) = StoredBits.Pack(
                IsAbove(origin + index, model + index, edge), IsAbove(origin + index + StoredBits.Width, model + index + StoredBits.Width, edge));
        }

        AboveOfRest(origin, model, index, count, limit, bits);
    }

    /// <summary>As <see cref="Above"/> for a limit one below a value; counts the elements that equal the value.</summary>
    public static int AboveOrEqual(ushort* origin, ushort* model, int count, int value, byte* bits)
    {
        int index = 0;
        Vector256<int> wanted = Vector256.Create(value);
        Vector256<short> equals = default;
        for (; index <= count - (2 * StoredBits.Width); index += 2 * StoredBits.Width)
        {
            Vector256<short> first = IsAboveOrEqual(origin + index, model + index, wanted, ref equals);
            Vector256<short> second = IsAboveOrEqual(origin + index + StoredBits.Width, model + index + StoredBits.Width, wanted, ref equals);
            *(uint*)(bits + (index >> 3)) = StoredBits.Pack(first, second);
        }

        int equal = Vector256.Sum(equals);
        for (int i = index; i < count; i++)
            equal += Key(origin, model, i) == value ? 1 : 0;
        AboveOfRest(origin, model, index, count, value - 1, bits);
        return equal;
    }

    /// <summary>Takes back the bits of the elements that equal a value, but for the first few.</summary>
    public static void KeepFirst(ushort* origin, ushort* model, int count, int value, long kept, byte* bits)
    {
        for (int i = 0; i < count; i++)
        {
            if (Key(origin, model, i) == value && kept-- <= 0)
                bits[i >> 3] &= (byte)~(1 << (i & 7));
        }
    }

    /// <summary>How many magnitudes are above a value and how many equal it.</summary>
    public static (int Above, int Equal) Count(ushort* origin, ushort* model, int count, int value)
    {
        int index = 0;
        Vector256<int> wanted = Vector256.Create(value);
        Vector256<int> above = default;
        Vector256<int> equal = default;
        for (; index <= count - StoredBits.Width; index += StoredBits.Width)
        {
            (Vector256<int> even, Vector256<int> odd) = Keys(origin + index, model + index);
            above -= Vector256.GreaterThan(even, wanted) + Vector256.GreaterThan(odd, wanted);
            equal -= Vector256.Equals(even, wanted) + Vector256.Equals(odd, wanted);
        }

        int more = Vector256.Sum(above);
        int same = Vector256.Sum(equal);
        for (; index < count; index++)
        {
            int key = Key(origin, model, index);
            more += key > value ? 1 : 0;
            same += key == value ? 1 : 0;
        }

        return (more, same);
    }

    /// <summary>The magnitudes of sixteen changes: of the even elements and of the odd ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<int> Even, Vector256<int> Odd) Keys(ushort* origin, ushort* model)
    {
        Vector256<uint> from = Vector256.Load(origin).AsUInt32();
        Vector256<uint> to = Vector256.Load(model).AsUInt32();
        Vector256<int> absolute = Vector256.Create(StoredBits.AbsoluteMask);
        return ((StoredBits.Even(to) - StoredBits.Even(from)).AsInt32() & absolute, (StoredBits.Odd(to) - StoredBits.Odd(from)).AsInt32() & absolute);
    }

    /// <summary>The magnitude of one change.</summary>
    public static int Key(ushort* origin, ushort* model, int index) =>
        BitConverter.SingleToInt32Bits(StoredBits.Delta(origin, model, index)) & StoredBits.AbsoluteMask;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> IsAbove(ushort* origin, ushort* model, Vector256<int> limit)
    {
        (Vector256<int> even, Vector256<int> odd) = Keys(origin, model);
        return StoredBits.Join(Vector256.GreaterThan(even, limit), Vector256.GreaterThan(odd, limit));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> IsAboveOrEqual(ushort* origin, ushort* model, Vector256<int> value, ref Vector256<short> equals)
    {
        (Vector256<int> even, Vector256<int> odd) = Keys(origin, model);
        Vector256<short> equal = StoredBits.Join(Vector256.Equals(even, value), Vector256.Equals(odd, value));
        equals -= equal;
        return equal | StoredBits.Join(Vector256.GreaterThan(even, value), Vector256.GreaterThan(odd, value));
    }

    private static void AboveOfRest(ushort* origin, ushort* model, int begin, int count, int limit, byte* bits)
    {
        if (begin == count)
            return;
        uint rest = 0;
        for (int i = begin; i < count; i++)
            rest |= (Key(origin, model, i) > limit ? 1u : 0u) << (i - begin);
        *(uint*)(bits + (begin >> 3)) = rest;
    }
}
