using System.Runtime.Intrinsics;
using Merganser.Weights.Execution;

namespace Merganser.Weights.Selection;

/// <summary>The last step of <see cref="SceMerger"/> over a chunk of stored bfloat16 numbers, with ties cut at the right index.</summary>
internal static unsafe class SceStored
{
    private const ushort Infinity = 0x7F80;

    /// <summary>Merges a chunk; false, with the ties as they were, when an input is NaN or infinite.</summary>
    public static bool Apply(in BFloat16Tile tile, ref TieCut ties, in SceDivisors divisors)
    {
        TieCut left = ties;
        Vector256<ushort> largest = default;
        for (int start = 0; start < tile.Count; start += SceKernel.BlockElements)
        {
            var part = new Part(tile.Base + start, tile.Model(0) + start, tile.Model(1) + start, tile.Output + start, Math.Min(SceKernel.BlockElements, tile.Count - start));
            int equal = Run(part, left.Limit, divisors, ref largest);
            if (!left.IsCounting)
                continue;
            if (equal > left.Left)
            {
                // The ties run out in this block: up to there they are taken, behind they are not.
                int end = End(part, left);
                Run(part with { Count = end }, left.Threshold - 1, divisors, ref largest);
                Run(new Part(part.Origin + end, part.First + end, part.Second + end, part.Output + end, part.Count - end), left.Threshold, divisors, ref largest);
                equal = (int)left.Left;
            }

            left.Take(equal);
        }

        if (Vector256.GreaterThanOrEqualAny(largest, Vector256.Create(Infinity)))
            return false;
        ties = left;
        return true;
    }

    private static int Run(in Part part, int limit, in SceDivisors divisors, ref Vector256<ushort> largest)
    {
        int whole = part.Count & -StoredBits.Width;
        int equal = SceKernel.Apply(part.Origin, part.First, part.Second, part.Output, whole, limit, divisors, ref largest);
        if (whole == part.Count)
            return equal;
        ushort* rest = stackalloc ushort[4 * StoredBits.Width];
        StoredRest.Copy(part.Origin, part.First, part.Second, whole, part.Count, rest);
        ushort* result = rest + (3 * StoredBits.Width);
        int left = part.Count - whole;
        equal += SceKernel.Apply(rest, rest + StoredBits.Width, rest + (2 * StoredBits.Width), result, StoredBits.Width, limit, divisors, ref largest);
        new ReadOnlySpan<ushort>(result, left).CopyTo(new Span<ushort>(part.Output + whole, left));

        // The zeros that fill the vector are not elements.
        return equal - (limit == -1 ? StoredBits.Width - left : 0);
    }

    /// <summary>One past the last tie that is taken.</summary>
    private static int End(in Part part, in TieCut ties)
    {
        long found = 0;
        int index = 0;
        for (; found < ties.Left; index++)
        {
            Vector256<float> first = Vector256.Create(Single(part.First[index])), second = Vector256.Create(Single(part.Second[index]));
            found += SceKernel.Key(Vector256.Create(Single(part.Origin[index])), ref first, ref second)[0] == ties.Threshold ? 1 : 0;
        }

        return index;
    }

    private static float Single(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    private readonly struct Part(ushort* origin, ushort* first, ushort* second, ushort* output, int count)
    {
        public readonly ushort* Origin = origin;
        public readonly ushort* First = first;
        public readonly ushort* Second = second;
        public readonly ushort* Output = output;

        public int Count { get; init; } = count;
    }
}
