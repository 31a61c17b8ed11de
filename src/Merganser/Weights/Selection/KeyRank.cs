using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>Finds an element of a list by its rank, exactly and without sorting.</summary>
internal static class KeyRank
{
    private const int HistogramBits = 11;
    private const int Bins = 1 << HistogramBits;

    // Neighbours in the list count in different histograms: with many ties, one histogram would wait for its own stores.
    private const int Histograms = 4;

    /// <summary>
    /// The k-th largest of keys that all lie between two limits, by histograms over an interval that narrows. The list is
    /// not kept: it is packed down to the interval.
    /// </summary>
    /// <param name="keys">Non-negative numbers.</param>
    /// <param name="rank">1 for the largest.</param>
    /// <param name="low">No key is below.</param>
    /// <param name="high">No key is above.</param>
    /// <param name="larger">How many keys are above the result.</param>
    /// <param name="equal">How many keys equal the result.</param>
    public static int KthLargest(Span<int> keys, long rank, int low, int high, out long larger, out long equal)
    {
        larger = 0;
        Span<int> counts = stackalloc int[Bins * Histograms];
        while (low != high)
        {
            int shift = Math.Max(0, 32 - BitOperations.LeadingZeroCount((uint)(high - low)) - HistogramBits);
            Count(keys, low, shift, counts);
            int bin = (high - low) >> shift;
            int count;
            while (larger + (count = counts[bin]) < rank)
            {
                larger += count;
                bin--;
            }

            low += bin << shift;
            high = (int)Math.Min(high, (long)low + (1L << shift) - 1);
            if (count == keys.Length || low == high)
            {
                // Nothing to pack; a bin that holds all of them narrows the interval all the same.
                keys = keys[..count];
                continue;
            }

            keys = keys[..Pack(keys, ref low, ref high)];
        }

        equal = keys.Length;
        return low;
    }

    private static void Count(ReadOnlySpan<int> keys, int low, int shift, Span<int> counts)
    {
        counts.Clear();
        ref int first = ref MemoryMarshal.GetReference(counts);
        ref int source = ref MemoryMarshal.GetReference(keys);
        nint index = 0;
        for (; index <= keys.Length - Histograms; index += Histograms)
        {
            Unsafe.Add(ref first, (Unsafe.Add(ref source, index) - low) >> shift)++;
            Unsafe.Add(ref first, Bins + ((Unsafe.Add(ref source, index + 1) - low) >> shift))++;
            Unsafe.Add(ref first, (2 * Bins) + ((Unsafe.Add(ref source, index + 2) - low) >> shift))++;
            Unsafe.Add(ref first, (3 * Bins) + ((Unsafe.Add(ref source, index + 3) - low) >> shift))++;
        }

        for (; index < keys.Length; index++)
            counts[(keys[(int)index] - low) >> shift]++;
        for (int histogram = 1; histogram < Histograms; histogram++)
            TensorPrimitives.Add(counts[..Bins], counts.Slice(histogram * Bins, Bins), counts[..Bins]);
    }

    /// <summary>Moves the keys of an interval to the front and makes it as narrow as they allow; returns their number.</summary>
    private static int Pack(Span<int> keys, ref int low, ref int high)
    {
        int length = 0;
        int smallest = high;
        int largest = low;
        int index = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ref int first = ref MemoryMarshal.GetReference(keys);
            Vector256<int> from = Vector256.Create(low);
            Vector256<int> to = Vector256.Create(high);
            Vector256<int> lowest = to;
            Vector256<int> highest = from;
            for (; index <= keys.Length - Vector256<int>.Count; index += Vector256<int>.Count)
            {
                Vector256<int> key = Vector256.LoadUnsafe(ref first, (nuint)index);
                Vector256<int> outside = Vector256.LessThan(key, from) | Vector256.GreaterThan(key, to);
                uint wanted = Vector256.ExtractMostSignificantBits(outside) ^ 0xFF;
                lowest = Vector256.Min(lowest, Vector256.ConditionalSelect(outside, lowest, key));
                highest = Vector256.Max(highest, Vector256.ConditionalSelect(outside, highest, key));

                // In place: the store ends where the load ended, or before.
                LanePacker.Pack(key, wanted).StoreUnsafe(ref first, (nuint)length);
                length += BitOperations.PopCount(wanted);
            }

            for (int lane = 0; lane < Vector256<int>.Count; lane++)
            {
                smallest = Math.Min(smallest, lowest[lane]);
                largest = Math.Max(largest, highest[lane]);
            }
        }

        for (; index < keys.Length; index++)
        {
            int key = keys[index];
            if (key < low || key > high)
                continue;
            keys[length++] = key;
            smallest = Math.Min(smallest, key);
            largest = Math.Max(largest, key);
        }

        low = smallest;
        high = largest;
        return length;
    }
}
