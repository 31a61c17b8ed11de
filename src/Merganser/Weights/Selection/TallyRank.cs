namespace Merganser.Weights.Selection;

/// <summary>Finds a number by its rank among numbers that count several times each, exactly and without sorting.</summary>
internal static class TallyRank
{
    private const int Bins = 1 << 11;

    /// <summary>The element of a rank, 0 for the smallest; null when there are fewer. Both arrays are reordered.</summary>
    /// <param name="values">Numbers without NaN; −0 is below 0.</param>
    /// <param name="counts">How often each of them counts.</param>
    /// <param name="rank">Not negative.</param>
    public static float? Find(ReadOnlySpan<float> values, Span<uint> counts, long rank)
    {
        int[] own = new int[values.Length];
        int low = int.MaxValue, high = int.MinValue;
        for (int i = 0; i < own.Length; i++)
        {
            own[i] = Ordered(BitConverter.SingleToInt32Bits(values[i]));
            low = Math.Min(low, own[i]);
            high = Math.Max(high, own[i]);
        }

        Span<int> keys = own;
        long[] totals = new long[Bins];
        while (keys.Length > 0)
        {
            Array.Clear(totals);
            int shift = 0;
            while (((long)high - low) >> shift >= Bins)
                shift++;
            for (int i = 0; i < keys.Length; i++)
                totals[(int)(((long)keys[i] - low) >> shift)] += counts[i];
            int bin = 0;
            while (bin < Bins && rank >= totals[bin])
                rank -= totals[bin++];
            if (bin == Bins)
                return null;
            low = (int)(low + ((long)bin << shift));
            if (shift == 0)
                return BitConverter.Int32BitsToSingle(Ordered(low));
            high = (int)(low + (1L << shift) - 1);
            int kept = 0;
            for (int i = 0; i < keys.Length; i++)
            {
                if (keys[i] < low || keys[i] > high)
                    continue;
                keys[kept] = keys[i];
                counts[kept++] = counts[i];
            }

            keys = keys[..kept];
        }

        return null;
    }

    /// <summary>Numbers of the same order as the values with these bits; its own inverse.</summary>
    private static int Ordered(int bits) => bits ^ ((bits >> 31) & int.MaxValue);
}
