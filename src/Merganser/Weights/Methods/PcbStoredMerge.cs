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

    /// <summary>Elements whose coefficients are kept between the two tasks; sixteen bytes each, within the first-level cache.</summary>
    private const int Part = 512;

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
    /// <remarks>
    /// One loop after the other: the polynomial is a chain of eight steps, and the quotient another long one; in one loop the
    /// processor does not see far enough ahead to fill the waiting time with the next elements.
    /// </remarks>
    private static int Near(ushort* origin, ushort* first, ushort* second, ushort* output, int count, in PcbWeighing one, in PcbWeighing two, int* far)
    {
        float* scratch = stackalloc float[4 * Part];
        float* other = scratch + (2 * Part);
        Vector256<float> check = default;
        int found = 0;
        for (int start = 0; start < count; start += Part)
        {
            int length = Math.Min(Part, count - start);
            Vector256<float> most = Weigh(origin + start, first + start, second + start, length, one, scratch, ref check);
            most = Vector256.MaxNative(most, Weigh(origin + start, second + start, first + start, length, two, other, ref check));
            Finish(origin + start, output + start, length, scratch, other);

            // Below 0 nothing counts, whatever the tangent.
            if (Vector256.GreaterThan(most, Vector256.Create(PcbSmall.Linear)).ExtractMostSignificantBits() != 0)
                found = Note(origin + start, first + start, second + start, start, length, far, found);
        }

        return Vector256.EqualsAll(check, Vector256<float>.Zero) ? found : -1;
    }

    /// <summary>One task's coefficients and parts of the sum; the greatest products of change and sum.</summary>
    private static Vector256<float> Weigh(ushort* origin, ushort* model, ushort* other, int count, in PcbWeighing by, float* scratch, ref Vector256<float> check)
    {
        Vector256<float> high = by.High, root = by.Root, floor = by.Floor, share = by.Share, factor = by.Factor, most = default, finite = check;
        for (int index = 0; index < count; index += StoredBits.Width, scratch += 4 * Vector256<float>.Count)
        {
            Vector256<uint> b = Vector256.Load(origin + index).AsUInt32(), x = Vector256.Load(model + index).AsUInt32(), y = Vector256.Load(other + index).AsUInt32();
            Vector256<float> from = StoredBits.Even(b), change = StoredBits.Even(x) - from, product = change * (change + (StoredBits.Even(y) - from));
            Weigh(change, product, high, root, floor, share, factor, out Vector256<float> scale, out Vector256<float> part);
            scale.Store(scratch);
            part.Store(scratch + Vector256<float>.Count);
            from = StoredBits.Odd(b);
            change = StoredBits.Odd(x) - from;
            Vector256<float> odd = change * (change + (StoredBits.Odd(y) - from));
            Weigh(change, odd, high, root, floor, share, factor, out scale, out part);
            scale.Store(scratch + (2 * Vector256<float>.Count));
            part.Store(scratch + (3 * Vector256<float>.Count));

            // An input that is not finite makes a product so, and 0 times the product NaN.
            finite = Vector256.MultiplyAddEstimate(product, Vector256<float>.Zero, Vector256.MultiplyAddEstimate(odd, Vector256<float>.Zero, finite));
            most = Vector256.MaxNative(most, Vector256.MaxNative(product, odd));
        }

        check = finite;
        return most;
    }

    /// <summary>The result from both tasks' coefficients.</summary>
    private static void Finish(ushort* origin, ushort* output, int count, float* one, float* two)
    {
        const int Lanes = 8;
        Vector256<float> least = Vector256.Create(1e-12f);
        for (int index = 0; index < count; index += StoredBits.Width, one += 4 * Lanes, two += 4 * Lanes)
        {
            Vector256<uint> b = Vector256.Load(origin + index).AsUInt32();
            Vector256<float> even = (Vector256.Load(one + Lanes) + Vector256.Load(two + Lanes)) / Vector256.MaxNative(least, Vector256.Load(one) + Vector256.Load(two));
            Vector256<float> odd = (Vector256.Load(one + (3 * Lanes)) + Vector256.Load(two + (3 * Lanes))) / Vector256.MaxNative(least, Vector256.Load(one + (2 * Lanes)) + Vector256.Load(two + (2 * Lanes)));
            StoredBits.Round(StoredBits.Even(b) + even, StoredBits.Odd(b) + odd).Store(output + index);
        }
    }

    /// <summary>Notes the vectors for which the tangent is not its argument; the number of noted vectors so far.</summary>
    private static int Note(ushort* origin, ushort* first, ushort* second, int start, int count, int* far, int found)
    {
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<uint> b = Vector256.Load(origin + index).AsUInt32(), x = Vector256.Load(first + index).AsUInt32(), y = Vector256.Load(second + index).AsUInt32();
            Vector256<float> most = Vector256.MaxNative(
                Most(StoredBits.Even(b), StoredBits.Even(x), StoredBits.Even(y)), Most(StoredBits.Odd(b), StoredBits.Odd(x), StoredBits.Odd(y)));
            far[found] = start + index;
            found += Vector256.GreaterThan(most, Vector256.Create(PcbSmall.Linear)).ExtractMostSignificantBits() == 0 ? 0 : 1;
        }

        return found;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Most(Vector256<float> origin, Vector256<float> first, Vector256<float> second)
    {
        first -= origin;
        second -= origin;
        Vector256<float> sum = first + second;
        return Vector256.MaxNative(first * sum, second * sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weigh(
        Vector256<float> change, Vector256<float> inter, Vector256<float> high, Vector256<float> root, Vector256<float> floor, Vector256<float> share, Vector256<float> factor, out Vector256<float> scale, out Vector256<float> part)
    {
        Vector256<float> clamped = PcbSmall.Clamp(change, high);
        Vector256<float> product = inter * PcbSmall.Intra(clamped, root);
        scale = Vector256.MinNative(Vector256<float>.One, Vector256.MaxNative(Vector256<float>.Zero, product - floor) * share);
        part = clamped * scale * factor;
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
    private static Vector256<float> Merge(Vector256<float> origin, Vector256<float> first, Vector256<float> second, Vector256<float> inter1, Vector256<float> inter2, in PcbWeighing by1, in PcbWeighing by2)
    {
        Vector256<float> clamped1 = PcbSmall.Clamp(first, by1.High), clamped2 = PcbSmall.Clamp(second, by2.High);
        Vector256<float> scale1 = PcbSmall.Scale(inter1 * PcbSmall.Intra(clamped1, by1.Root), by1), scale2 = PcbSmall.Scale(inter2 * PcbSmall.Intra(clamped2, by2.Root), by2);
        Vector256<float> total = Vector256.MaxNative(Vector256.Create(1e-12f), scale1 + scale2);
        return origin + (((clamped1 * scale1 * by1.Factor) + (clamped2 * scale2 * by2.Factor)) / total);
    }
}
