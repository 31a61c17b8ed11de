using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Merganser.Weights.Execution;
using Merganser.Weights.Selection;

namespace Merganser.Weights.Methods;

/// <summary>The last step of the <c>main</c> variant over a base and two models stored in bfloat16; the bits are those of the way over tiles.</summary>
internal static unsafe class PcbStoredMerge
{
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
        PcbWeighing by1 = one, by2 = two;
        Vector256<float> linear = Vector256.Create(PcbSmall.Linear), check0 = default, check1 = default;
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<uint> b = Vector256.Load(origin + index).AsUInt32(), x = Vector256.Load(first + index).AsUInt32(), y = Vector256.Load(second + index).AsUInt32();
            Vector256<float> base0 = StoredBits.Even(b), base1 = StoredBits.Odd(b);
            Vector256<float> x0 = StoredBits.Even(x) - base0, x1 = StoredBits.Odd(x) - base1, y0 = StoredBits.Even(y) - base0, y1 = StoredBits.Odd(y) - base1;
            Vector256<float> sum0 = x0 + y0, sum1 = x1 + y1;

            // An input that is not finite makes the sum so, and 0 times the sum NaN.
            check0 = Vector256.MultiplyAddEstimate(sum0, Vector256<float>.Zero, check0);
            check1 = Vector256.MultiplyAddEstimate(sum1, Vector256<float>.Zero, check1);
            Vector256<float> px0 = x0 * sum0, px1 = x1 * sum1, py0 = y0 * sum0, py1 = y1 * sum1;

            // Below 0 nothing counts, whatever the tangent.
            Vector256<float> greatest = Vector256.MaxNative(Vector256.MaxNative(px0, px1), Vector256.MaxNative(py0, py1));
            if (Vector256.GreaterThan(greatest, linear).ExtractMostSignificantBits() != 0)
            {
                px0 = Far(px0);
                px1 = Far(px1);
                py0 = Far(py0);
                py1 = Far(py1);
            }

            Vector256<float> even = Merge(base0, x0, y0, px0, py0, by1, by2), odd = Merge(base1, x1, y1, px1, py1, by1, by2);
            StoredBits.Round(even, odd).Store(output + index);
        }

        return Vector256.EqualsAll(check0 + check1, Vector256<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<float> Far(Vector256<float> product) => PcbSmall.Inter(product);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Merge(Vector256<float> origin, Vector256<float> first, Vector256<float> second, Vector256<float> inter1, Vector256<float> inter2, in PcbWeighing by1, in PcbWeighing by2)
    {
        Vector256<float> clamped1 = PcbSmall.Clamp(first, by1.High), clamped2 = PcbSmall.Clamp(second, by2.High);
        Vector256<float> scale1 = PcbSmall.Scale(inter1 * PcbSmall.Intra(clamped1, by1.Root), by1), scale2 = PcbSmall.Scale(inter2 * PcbSmall.Intra(clamped2, by2.Root), by2);
        Vector256<float> total = Vector256.MaxNative(Vector256.Create(1e-12f), scale1 + scale2);
        return origin + (((clamped1 * scale1 * by1.Factor) + (clamped2 * scale2 * by2.Factor)) / total);
    }
}
