using System.Numerics;
using Merganser.Neural.Tokens.Matching;

namespace Merganser.Neural.Tokens.Cpu;

/// <summary>Matching of one image on its rows of length 1.</summary>
internal static unsafe class ImageMatching
{
    /// <summary>The best partner of some tokens among others.</summary>
    /// <param name="unit">Rows of length 1, [tokens, depth].</param>
    /// <param name="first">Tokens that look for one.</param>
    /// <param name="second">Tokens that may be one.</param>
    /// <param name="depth">The length of a row.</param>
    /// <param name="hidden">Tokens that neither look nor are one; null for none.</param>
    /// <param name="scores">The cosine for each of the first; −∞ where there is none.</param>
    /// <param name="partners">Places in <paramref name="second"/>.</param>
    public static void Partners(float* unit, ReadOnlySpan<int> first, ReadOnlySpan<int> second, int depth, bool[]? hidden, Span<float> scores, Span<int> partners)
    {
        int padded = Likeness.Padded(second.Length), width = Vector<float>.Count;
        using var packed = new Scratch(padded * depth);
        using var lanes = new Scratch((2 * first.Length * width) + padded);
        float* best = lanes.Start, penalty = best + (2 * first.Length * width);
        int* column = (int*)(best + (first.Length * width));
        BestPartner.Begin(best, column, first.Length);
        for (int i = 0; i < padded; i++)
            penalty[i] = i >= second.Length || (hidden is not null && hidden[second[i]]) ? float.NegativeInfinity : 0;
        Likeness.Pack(unit, second, depth, packed.Start);
        Likeness.Multiply(unit, first, depth, packed.Start, padded, new BestPartner(best, column, penalty));
        for (int i = 0; i < first.Length; i++)
        {
            (scores[i], partners[i]) = BestPartner.End(best, column, i);
            if (hidden is not null && hidden[first[i]])
                scores[i] = float.NegativeInfinity;
        }
    }

    /// <summary>The energy of every token.</summary>
    public static void Energies(float* unit, ReadOnlySpan<int> tokens, int depth, EnergyMatcher matcher, Span<float> energies)
    {
        int padded = Likeness.Padded(tokens.Length), width = Vector<float>.Count;
        using var packed = new Scratch(padded * depth);
        using var lanes = new Scratch((tokens.Length * width) + padded);
        float* rows = lanes.Start, columns = rows + (tokens.Length * width);
        new Span<float>(rows, (tokens.Length * width) + padded).Clear();
        Likeness.Pack(unit, tokens, depth, packed.Start);
        (float margin, float alpha) = ((float)matcher.Margin, (float)matcher.Alpha);
        int count = tokens.Length;
        switch (matcher.Kernel)
        {
            case EnergyKernel.EluShifted:
                Likeness.Multiply(unit, tokens, depth, packed.Start, padded, new EnergySum<EluEnergy>(rows, columns, count, new EluEnergy(margin, alpha)), upper: true);
                break;
            case EnergyKernel.Paper:
                Likeness.Multiply(unit, tokens, depth, packed.Start, padded, new EnergySum<PaperEnergy>(rows, columns, count, new PaperEnergy(margin, alpha)), upper: true);
                break;
            default:
                Likeness.Multiply(unit, tokens, depth, packed.Start, padded, new EnergySum<GaussianEnergy>(rows, columns, count, new GaussianEnergy((float)(1 - matcher.Margin))), upper: true);
                break;
        }

        for (int i = 0; i < count; i++)
            energies[i] = (Vector.Sum(Vector.Load(rows + (i * width))) + columns[i]) / count;
    }

    /// <summary>Places from the highest score down, the lower place first among equals.</summary>
    public static void Rank(ReadOnlySpan<float> scores, Span<int> places)
    {
        ulong[] keys = System.Buffers.ArrayPool<ulong>.Shared.Rent(scores.Length);
        for (int i = 0; i < scores.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(scores[i] + 0f); // −0 is 0.
            uint ascending = (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
            keys[i] = ((ulong)~ascending << 32) | (uint)i;
        }

        keys.AsSpan(0, scores.Length).Sort();
        for (int i = 0; i < scores.Length; i++)
            places[i] = (int)(uint)keys[i];
        System.Buffers.ArrayPool<ulong>.Shared.Return(keys);
    }
}
