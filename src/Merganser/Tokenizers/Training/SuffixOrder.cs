namespace Merganser.Tokenizers;

/// <summary>
/// Sorts the suffixes of a sequence of numbers by their first elements with prefix doubling (Manber and Myers 1990): each
/// round sorts by twice as many elements as the last, in linear time, so that a bounded depth needs few rounds.
/// </summary>
internal static class SuffixOrder
{
    /// <summary>The start of every suffix, in order.</summary>
    /// <param name="text">Numbers from 0 up to <paramref name="limit"/> (exclusive).</param>
    /// <param name="limit">One more than the highest number.</param>
    /// <param name="depth">How many elements at the start of a suffix decide; suffixes with these equal come in any order.</param>
    /// <param name="cancellation">Looked at between rounds.</param>
    public static int[] Sort(ReadOnlySpan<int> text, int limit, int depth, CancellationToken cancellation)
    {
        int n = text.Length;
        int[] order = new int[n];
        int[] ranks = text.ToArray();
        int[] next = new int[n];
        int[] counts = new int[Math.Max(limit, n) + 1];
        for (int i = 0; i < n; i++)
            next[i] = i;
        SortByRank(next, ranks, limit, counts, order);
        int classes = Rank(order, ranks, 0, next);
        (ranks, next) = (next, ranks);
        for (int half = 1; half < depth && classes < n; half = checked(2 * half))
        {
            cancellation.ThrowIfCancellationRequested();
            // By the second half: suffixes too short to have one first, then in the order of the suffixes that begin there.
            int at = 0;
            for (int start = Math.Max(0, n - half); start < n; start++)
                next[at++] = start;
            foreach (int start in order)
            {
                if (start >= half)
                    next[at++] = start - half;
            }

            SortByRank(next, ranks, classes, counts, order);
            classes = Rank(order, ranks, half, next);
            (ranks, next) = (next, ranks);
        }

        return order;
    }

    /// <summary>Sorts starts by rank; equal ranks stay in the order given.</summary>
    private static void SortByRank(int[] starts, int[] ranks, int limit, int[] counts, int[] sorted)
    {
        Array.Clear(counts, 0, limit + 1);
        foreach (int rank in ranks)
            counts[rank + 1]++;
        for (int rank = 0; rank < limit; rank++)
            counts[rank + 1] += counts[rank];
        foreach (int start in starts)
            sorted[counts[ranks[start]]++] = start;
    }

    /// <summary>Numbers the classes of suffixes that are equal so far.</summary>
    /// <returns>The number of classes.</returns>
    private static int Rank(int[] order, int[] ranks, int half, int[] result)
    {
        int n = order.Length;
        int rank = -1;
        (int First, int Second) last = (-1, -1);
        foreach (int start in order)
        {
            (int First, int Second) key = (ranks[start], half > 0 && start + half < n ? ranks[start + half] : -1);
            if (rank < 0 || key != last)
                rank++;
            last = key;
            result[start] = rank;
        }

        return rank + 1;
    }
}
