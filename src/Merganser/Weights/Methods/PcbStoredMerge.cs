using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Merganser.Weights.Execution;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>The last step of the <c>main</c> variant over a base and two models stored in bfloat16; the bits are those of the way over tiles.</summary>
internal static unsafe class PcbStoredMerge
{
    /// <summary>Elements between two looks at what was noted.</summary>
    private const int Block = 1 << 15;

    /// <summary>Merges a chunk; false when an input is NaN or infinite, or when the bounds are not those of <see cref="PcbSmall"/>.</summary>
    public static bool Run(in BFloat16Tile tile, in PcbWeighing one, in PcbWeighing two)
    {
        if (!one.IsSmall || !two.IsSmall || !one.IsPositive || !two.IsPositive)
            return false;
        int whole = tile.Count & -StoredBits.Width;
        bool isFinite = Run(tile.Base, tile.Model(0), tile.Model(1), tile.Output, whole, one, two);
        if (whole < tile.Count)
        {
            ushort* rest = stackalloc ushort[4 * StoredBits.Width];
            StoredRest.Copy(tile.Base, tile.Model(0), tile.Model(1), whole, tile.Count, rest);
            ushort* result = rest + (3 * StoredBits.Width);
            isFinite &= Run(rest, rest + StoredBits.Width, rest + (2 * StoredBits.Width), result, StoredBits.Width, one, two);
            new ReadOnlySpan<ushort>(result, tile.Count - whole).CopyTo(new Span<ushort>(tile.Output + whole, tile.Count - whole));
        }

        return isFinite;
    }

    private static bool Run(ushort* origin, ushort* first, ushort* second, ushort* output, int count, in PcbWeighing one, in PcbWeighing two)
    {
        int* far = stackalloc int[Block / StoredBits.Width];
        for (int start = 0; start < count; start += Block)
        {
            int found = Near(origin + start, first + start, second + start, output + start, Math.Min(Block, count - start), one, two, far);
            if (found < 0)
                return false;
            for (int i = 0; i < found; i++)
                Far(origin + start + far[i], first + start + far[i], second + start + far[i], output + start + far[i], one, two);
        }

        return true;
    }

    /// <summary>
    /// Merges as if the tangent always were its argument, and notes the vectors for which that is not so: without a call in the loop
    /// nothing has to be kept in memory across it. The number of them, or −1 when an input is not finite.
    /// </summary>
    private static int Near(ushort* origin, ushort* first, ushort* second, ushort* output, int count, in PcbWeighing one, in PcbWeighing two, int* far)
    {
        PcbWeighing by1 = one, by2 = two;
        Vector256<float> check = default;
        int found = 0;
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<uint> b = Vector256.Load(origin + index).AsUInt32(), x = Vector256.Load(first + index).AsUInt32(), y = Vector256.Load(second + index).AsUInt32();
            Vector256<float> even = Merge(StoredBits.Even(b), StoredBits.Even(x), StoredBits.Even(y), by1, by2, ref check, out Vector256<float> most0);
            Vector256<float> odd = Merge(StoredBits.Odd(b), StoredBits.Odd(x), StoredBits.Odd(y), by1, by2, ref check, out Vector256<float> most1);
            StoredBits.Round(even, odd).Store(output + index);

            // Below 0 nothing counts, whatever the tangent.
            far[found] = index;
            found += Vector256.GreaterThan(Vector256.MaxNative(most0, most1), Vector256.Create(PcbSmall.Linear)).ExtractMostSignificantBits() == 0 ? 0 : 1;
        }

        return Vector256.EqualsAll(check, Vector256<float>.Zero) ? found : -1;
    }

    private static void Far(ushort* origin, ushort* first, ushort* second, ushort* output, in PcbWeighing by1, in PcbWeighing by2)
    {
        Vector256<uint> b = Vector256.Load(origin).AsUInt32(), x = Vector256.Load(first).AsUInt32(), y = Vector256.Load(second).AsUInt32();
        StoredBits.Round(
            Far(StoredBits.Even(b), StoredBits.Even(x), StoredBits.Even(y), by1, by2),
            Far(StoredBits.Odd(b), StoredBits.Odd(x), StoredBits.Odd(y), by1, by2)).Store(output);
    }

    private static Vector256<float> Far(Vector256<float> origin, Vector256<float> first, Vector256<float> second, in PcbWeighing by1, in PcbWeighing by2)
    {
        first -= origin;
        second -= origin;
        Vector256<float> sum = first + second;
        return Merge(origin, first, second, PcbSmall.Inter(first * sum), PcbSmall.Inter(second * sum), by1, by2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Merge(Vector256<float> origin, Vector256<float> first, Vector256<float> second, in PcbWeighing by1, in PcbWeighing by2, ref Vector256<float> check, out Vector256<float> most)
    {
        first -= origin;
        second -= origin;
        Vector256<float> sum = first + second, product1 = first * sum, product2 = second * sum;

        // An input that is not finite makes the sum so, and 0 times the sum NaN.
        check = Vector256.MultiplyAddEstimate(sum, Vector256<float>.Zero, check);
        most = Vector256.MaxNative(product1, product2);
        return Merge(origin, first, second, product1, product2, by1, by2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Merge(Vector256<float> origin, Vector256<float> first, Vector256<float> second, Vector256<float> inter1, Vector256<float> inter2, in PcbWeighing by1, in PcbWeighing by2)
    {
        Vector256<float> clamped1 = PcbSmall.Clamp(first, by1.High), clamped2 = PcbSmall.Clamp(second, by2.High);
        Vector256<float> scale1 = PcbSmall.Scale(inter1 * PcbSmall.Intra(clamped1, by1.Root), by1), scale2 = PcbSmall.Scale(inter2 * PcbSmall.Intra(clamped2, by2.Root), by2);
        Vector256<float> total = Vector256.MaxNative(Vector256.Create(1e-12f), scale1 + scale2);
        return origin + (((clamped1 * scale1 * by1.Factor) + (clamped2 * scale2 * by2.Factor)) / total);
    }
}
