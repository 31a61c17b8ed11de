namespace Merganser.Weights.Selection;

/// <summary>
/// Sums of squares by magnitude, from counts of whole numbers only, so that threads may add up in any order. A magnitude's
/// upper sixteen bits are its bin, m its lower ones; a bin holds the number of elements, Σ m and Σ m².
/// </summary>
internal static class NormShare
{
    private const int Bins = 1 << 16;

    /// <summary>Elements of a histogram: three numbers for each bin.</summary>
    public const int Length = 3 * Bins;

    /// <summary>Counts a magnitude, given as its bit pattern.</summary>
    public static void Count(long[] histogram, int key)
    {
        long low = key & (Bins - 1);
        int at = 3 * (key >> 16);
        histogram[at]++;
        histogram[at + 1] += low;
        histogram[at + 2] += low * low;
    }

    /// <summary>The upper half of the magnitude at which the largest elements together reach a share of all squares; what the ones above the bin lack of it.</summary>
    public static (int Bin, double Missing) FindBin(ReadOnlySpan<long> histogram, double share)
    {
        double total = 0;
        for (int bin = Bins - 1; bin >= 0; bin--)
            total += Squares(histogram, bin);
        double missing = share * total;
        int last = 0;
        for (int bin = Bins - 1; bin >= 0; bin--)
        {
            double squares = Squares(histogram, bin);
            if (squares == 0)
                continue;
            if (squares >= missing)
                return (bin, missing);
            missing -= squares;
            last = bin;
        }

        // Rounding left a trifle of nothing: all that is not 0 is needed.
        return (last, double.PositiveInfinity);
    }

    /// <summary>The lower half of that magnitude, from plain counts of the lower halves in its bin.</summary>
    public static int FindLow(ReadOnlySpan<long> counts, int bin, double missing)
    {
        int smallest = 0;
        for (int low = Bins - 1; low >= 0; low--)
        {
            if (counts[low] == 0)
                continue;
            smallest = low;
            double value = BitConverter.Int32BitsToSingle((bin << 16) | low);
            missing -= counts[low] * value * value;
            if (missing <= 0)
                break;
        }

        return smallest;
    }

    private static double Squares(ReadOnlySpan<long> histogram, int bin)
    {
        long count = histogram[3 * bin];
        if (count == 0)
            return 0;

        // The value is (high·2¹⁶ + m)·2^(exponent − 150) with the hidden bit in high.
        int exponent = bin >> 7;
        double high = ((bin & 0x7F) | (exponent > 0 ? 0x80 : 0)) * 65536.0;
        double sum = (count * high * high) + (2 * high * histogram[(3 * bin) + 1]) + histogram[(3 * bin) + 2];
        return Math.ScaleB(sum, 2 * (Math.Max(exponent, 1) - 150));
    }
}
