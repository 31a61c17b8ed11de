using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>
/// One look at the magnitudes of changes of stored bfloat16 numbers for <see cref="MagnitudeSelect"/>: counts those above a
/// bracket, or two, and lists those inside. Brackets are compared by the upper halves of the bit patterns, sixteen at once.
/// </summary>
internal static unsafe class StoredCollect
{
    /// <summary>The lower half of a bit pattern: brackets must begin and end with whole upper halves.</summary>
    public const int LowerHalf = 0xFFFF;

    /// <summary>The most elements of one call.</summary>
    public const int MaxElements = 2048;

    /// <summary>Lists what is inside a bracket; returns the length of the list.</summary>
    public static int Run(ushort* origin, ushort* model, int count, (int Low, int High) bracket, int* list, out int above) =>
        Run<One>(origin, model, count, bracket, bracket, list, out above, out _);

    /// <summary>Lists what is inside one or both of two brackets; returns the length of the list.</summary>
    public static int Run(
        ushort* origin, ushort* model, int count, (int Low, int High) first, (int Low, int High) second, int* list, out int aboveFirst, out int aboveSecond) =>
        Run<Two>(origin, model, count, first, second, list, out aboveFirst, out aboveSecond);

    private static int Run<TBrackets>(
        ushort* origin, ushort* model, int count, (int Low, int High) first, (int Low, int High) second, int* list, out int aboveFirst, out int aboveSecond)
        where TBrackets : struct
    {
        Vector256<short> low1 = Vector256.Create((short)(first.Low >> 16));
        Vector256<short> high1 = Vector256.Create((short)(first.High >> 16));
        Vector256<short> low2 = Vector256.Create((short)(second.Low >> 16));
        Vector256<short> high2 = Vector256.Create((short)(second.High >> 16));
        Vector256<short> over1 = default;
        Vector256<short> over2 = default;
        ref int next = ref Unsafe.AsRef<int>(list);
        int length = 0;
        int index = 0;
        for (; index <= count - StoredBits.Width; index += StoredBits.Width)
        {
            (Vector256<int> even, Vector256<int> odd) = StoredCut.Keys(origin + index, model + index);
            Vector256<short> code = StoredBits.Join(even >>> 16, odd);
            Vector256<short> above = Vector256.GreaterThan(code, high1);
            over1 -= above;
            Vector256<short> outside = above | Vector256.LessThan(code, low1);
            if (typeof(TBrackets) == typeof(Two))
            {
                Vector256<short> aboveToo = Vector256.GreaterThan(code, high2);
                over2 -= aboveToo;
                outside &= aboveToo | Vector256.LessThan(code, low2);
            }

            uint evens = Vector256.ExtractMostSignificantBits(outside.AsInt32() << 16) ^ 0xFF;
            uint odds = Vector256.ExtractMostSignificantBits(outside.AsInt32()) ^ 0xFF;
            LanePacker.Pack(even, evens).StoreUnsafe(ref next, (nuint)length);
            length += BitOperations.PopCount(evens);
            LanePacker.Pack(odd, odds).StoreUnsafe(ref next, (nuint)length);
            length += BitOperations.PopCount(odds);
        }

        aboveFirst = Vector256.Sum(over1);
        aboveSecond = Vector256.Sum(over2);
        for (; index < count; index++)
        {
            int key = StoredCut.Key(origin, model, index);
            aboveFirst += key > first.High ? 1 : 0;
            aboveSecond += key > second.High ? 1 : 0;
            if ((key >= first.Low && key <= first.High) || (key >= second.Low && key <= second.High))
                list[length++] = key;
        }

        return length;
    }

    private readonly struct One;

    private readonly struct Two;
}
