using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>How a sign is elected at each position.</summary>
/// <param name="Scale">The factor of the merged change.</param>
/// <param name="Normalize">Divide by the weights that take part.</param>
internal sealed record Election(float Scale, bool Normalize);

/// <summary>Sign election on stored bfloat16 numbers; see <see cref="TaskVectorKernels.AddElected"/>, whose bits these kernels give.</summary>
internal static unsafe class StoredElection
{
    /// <summary>Two models, everything in registers.</summary>
    public static void OfTwo(
        ushort* source, in StoredInput first, in StoredInput second, Election election, ushort* output, int count, ref Vector256<ushort> largest)
    {
        if (!election.Normalize)
            OfTwo<Undivided>(source, first, second, election.Scale, output, count, ref largest);
        else if (PairKernels.HasExactReciprocal(first.Weight) && PairKernels.HasExactReciprocal(second.Weight) && PairKernels.HasExactReciprocal(first.Weight + second.Weight))
            OfTwo<ByReciprocal>(source, first, second, election.Scale, output, count, ref largest);
        else
            OfTwo<ByDivision>(source, first, second, election.Scale, output, count, ref largest);
    }

    /// <summary>Any number of models; terms are computed once for the vote and once for the sum.</summary>
    public static void OfMany(ushort* source, ReadOnlySpan<StoredInput> inputs, Election election, ushort* output, int count, ref Vector256<ushort> largest)
    {
        Vector256<ushort> most = largest;
        Vector256<float> scale = Vector256.Create(election.Scale);
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<uint> from = Vector256.Load(source + index).AsUInt32();
            Vector256<float> fromEven = StoredBits.Even(from);
            Vector256<float> fromOdd = StoredBits.Odd(from);
            Vector256<float> voteEven = default;
            Vector256<float> voteOdd = default;
            most = StoredCombine.Magnitude(most, from);
            for (int model = 0; model < inputs.Length; model++)
            {
                Vector256<uint> to = StoredCombine.Kept(inputs[model], index, from, ref most);
                Vector256<float> factor = Vector256.Create(inputs[model].Factor);
                voteEven += (StoredBits.Even(to) - fromEven) * factor;
                voteOdd += (StoredBits.Odd(to) - fromOdd) * factor;
            }

            Vector256<float> flipEven = Flip(voteEven);
            Vector256<float> flipOdd = Flip(voteOdd);
            Vector256<float> even = default;
            Vector256<float> odd = default;
            Vector256<float> divisorEven = default;
            Vector256<float> divisorOdd = default;
            for (int model = 0; model < inputs.Length; model++)
            {
                Vector256<uint> to = StoredCombine.Kept(inputs[model], index, from, ref most);
                Vector256<float> factor = Vector256.Create(inputs[model].Factor);
                Vector256<float> weight = Vector256.Create(inputs[model].Weight);
                Vector256<float> termEven = (StoredBits.Even(to) - fromEven) * factor;
                Vector256<float> termOdd = (StoredBits.Odd(to) - fromOdd) * factor;
                Vector256<float> agreesEven = Agrees(termEven, flipEven);
                Vector256<float> agreesOdd = Agrees(termOdd, flipOdd);
                even += termEven & agreesEven;
                odd += termOdd & agreesOdd;
                divisorEven += weight & agreesEven;
                divisorOdd += weight & agreesOdd;
            }

            if (election.Normalize)
            {
                even /= NotZero(divisorEven);
                odd /= NotZero(divisorOdd);
            }

            StoredBits.Round(fromEven + (even * scale), fromOdd + (odd * scale)).Store(output + index);
        }

        largest = most;
    }

    private static void OfTwo<TDivision>(
        ushort* source, in StoredInput first, in StoredInput second, float scale, ushort* output, int count, ref Vector256<ushort> largest)
        where TDivision : struct, IDivision
    {
        Vector256<ushort> most = largest;
        Vector256<float> factor1 = Vector256.Create(first.Factor);
        Vector256<float> factor2 = Vector256.Create(second.Factor);
        Vector256<float> weight1 = Vector256.Create(first.Weight);
        Vector256<float> weight2 = Vector256.Create(second.Weight);
        Vector256<float> both = weight1 + weight2;
        Vector256<float> scales = Vector256.Create(scale);
        StoredInput one = first;
        StoredInput two = second;
        if (typeof(TDivision) == typeof(ByReciprocal))
        {
            weight1 = Vector256<float>.One / weight1;
            weight2 = Vector256<float>.One / weight2;
            both = Vector256<float>.One / both;
        }

        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<uint> from = Vector256.Load(source + index).AsUInt32();
            most = StoredCombine.Magnitude(most, from);
            Vector256<uint> to1 = StoredCombine.Kept(one, index, from, ref most);
            Vector256<uint> to2 = StoredCombine.Kept(two, index, from, ref most);
            Vector256<float> fromEven = StoredBits.Even(from);
            Vector256<float> fromOdd = StoredBits.Odd(from);
            Vector256<float> even = Elect<TDivision>((StoredBits.Even(to1) - fromEven) * factor1, (StoredBits.Even(to2) - fromEven) * factor2, weight1, weight2, both);
            Vector256<float> odd = Elect<TDivision>((StoredBits.Odd(to1) - fromOdd) * factor1, (StoredBits.Odd(to2) - fromOdd) * factor2, weight1, weight2, both);
            StoredBits.Round(fromEven + (even * scales), fromOdd + (odd * scales)).Store(output + index);
        }

        largest = most;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Elect<TDivision>(
        Vector256<float> term1, Vector256<float> term2, Vector256<float> weight1, Vector256<float> weight2, Vector256<float> both)
        where TDivision : struct, IDivision
    {
        Vector256<float> flip = Flip(term1 + term2);
        Vector256<float> agrees1 = Agrees(term1, flip);
        Vector256<float> agrees2 = Agrees(term2, flip);
        Vector256<float> mixed = (term1 & agrees1) + (term2 & agrees2);
        if (typeof(TDivision) == typeof(ByReciprocal))
            return mixed * StoredBits.Select(agrees1, StoredBits.Select(agrees2, both, weight1), weight2);
        if (typeof(TDivision) == typeof(ByDivision))
            return mixed / NotZero((weight1 & agrees1) + (weight2 & agrees2));
        return mixed;
    }

    /// <summary>The sign bit where the elected sign is negative: flipping it makes what agrees positive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Flip(Vector256<float> vote) => Vector256.LessThan(vote, Vector256<float>.Zero) & Vector256.Create(-0f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Agrees(Vector256<float> term, Vector256<float> flip) => Vector256.GreaterThan(term ^ flip, Vector256<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> NotZero(Vector256<float> divisor) =>
        StoredBits.Select(Vector256.Equals(divisor, Vector256<float>.Zero), Vector256<float>.One, divisor);

    // The three loops differ in a few instructions; a type argument makes three of one.
    private interface IDivision;

    private readonly struct Undivided : IDivision;

    private readonly struct ByReciprocal : IDivision;

    private readonly struct ByDivision : IDivision;
}
