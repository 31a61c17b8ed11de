using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Merganser.Weights.Execution;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>The last step of the <c>main</c> variant over a base and two models stored in bfloat16; the bits are those of the way over tiles.</summary>
internal static unsafe class PcbStoredMerge
{
    private const ushort Infinity = 0x7F80;

    /// <summary>Merges a chunk; false when an input is NaN or infinite.</summary>
    public static bool Run(in BFloat16Tile tile, in PcbWeighing one, in PcbWeighing two)
    {
        int whole = tile.Count & -StoredBits.Width;
        Vector256<ushort> largest = Run(tile.Base, tile.Model(0), tile.Model(1), tile.Output, whole, one, two);
        if (whole < tile.Count)
        {
            ushort* rest = stackalloc ushort[4 * StoredBits.Width];
            StoredRest.Copy(tile.Base, tile.Model(0), tile.Model(1), whole, tile.Count, rest);
            ushort* result = rest + (3 * StoredBits.Width);
            largest = Vector256.Max(largest, Run(rest, rest + StoredBits.Width, rest + (2 * StoredBits.Width), result, StoredBits.Width, one, two));
            new ReadOnlySpan<ushort>(result, tile.Count - whole).CopyTo(new Span<ushort>(tile.Output + whole, tile.Count - whole));
        }

        return !Vector256.GreaterThanOrEqualAny(largest, Vector256.Create(Infinity));
    }

    private static Vector256<ushort> Run(ushort* origin, ushort* first, ushort* second, ushort* output, int count, in PcbWeighing one, in PcbWeighing two)
    {
        PcbWeighing by1 = one, by2 = two;
        Vector256<ushort> magnitude = Vector256.Create((ushort)0x7FFF), most = default;
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<ushort> b = Vector256.Load(origin + index), x = Vector256.Load(first + index), y = Vector256.Load(second + index);
            most = Vector256.Max(most, Vector256.Max(b & magnitude, Vector256.Max(x & magnitude, y & magnitude)));
            Vector256<float> even = Merge(StoredBits.Even(b.AsUInt32()), StoredBits.Even(x.AsUInt32()), StoredBits.Even(y.AsUInt32()), by1, by2);
            Vector256<float> odd = Merge(StoredBits.Odd(b.AsUInt32()), StoredBits.Odd(x.AsUInt32()), StoredBits.Odd(y.AsUInt32()), by1, by2);
            StoredBits.Round(even, odd).Store(output + index);
        }

        return most;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Merge(Vector256<float> origin, Vector256<float> first, Vector256<float> second, in PcbWeighing by1, in PcbWeighing by2)
    {
        first -= origin;
        second -= origin;
        Vector256<float> sum = first + second;
        (Vector256<float> scale1, Vector256<float> part1) = PcbKernel.Weigh(first, sum, by1);
        (Vector256<float> scale2, Vector256<float> part2) = PcbKernel.Weigh(second, sum, by2);
        Vector256<float> total = Vector256.MaxNative(Vector256.Create(1e-12f), scale1 + scale2);
        return origin + ((part1 + part2) / total);
    }
}
