using System.Numerics;
using System.Runtime.CompilerServices;

namespace Merganser.Weights.Selection;

/// <summary>
/// Sign election of exactly two models, the usual case, with everything in registers. Each kernel does whole vectors only
/// and returns how many elements it has done; the results are those of <see cref="TaskVectorKernels"/>, bit for bit.
/// </summary>
internal static unsafe class PairKernels
{
    /// <summary>See <see cref="TaskVectorKernels.AddElected"/>.</summary>
    public static int AddElected(float* source, in WeightedInput first, in WeightedInput second, float scale, bool normalize, bool zeroIsNegative, float* output, int count)
    {
        if (!normalize)
            return AddElected<Undivided>(source, first, second, scale, zeroIsNegative, output, count);
        return HasExactReciprocal(first.Weight) && HasExactReciprocal(second.Weight) && HasExactReciprocal(first.Weight + second.Weight)
            ? AddElected<ByReciprocal>(source, first, second, scale, zeroIsNegative, output, count)
            : AddElected<ByDivision>(source, first, second, scale, zeroIsNegative, output, count);
    }

    /// <summary>See <see cref="TaskVectorKernels.AddElectedMean"/>.</summary>
    public static int AddElectedMean(float* source, in WeightedInput first, in WeightedInput second, float smallest, float* output, int count)
    {
        float* values1 = first.Values;
        float* values2 = second.Values;
        Vector<float> factor1 = new(first.Factor);
        Vector<float> factor2 = new(second.Factor);
        Vector<int> weight1 = new Vector<float>(first.Weight).AsVectorInt32();
        Vector<int> weight2 = new Vector<float>(second.Weight).AsVectorInt32();
        Vector<float> least = new(smallest);
        int index = 0;
        for (; index <= count - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<float> value1 = Vector.Load(values1 + index);
            Vector<float> value2 = Vector.Load(values2 + index);
            Vector<int> flip = Flip((value1 * factor1) + (value2 * factor2), zeroIsNegative: false);
            Vector<float> kept1 = (weight1 & Agrees(value1, flip)).AsVectorSingle();
            Vector<float> kept2 = (weight2 & Agrees(value2, flip)).AsVectorSingle();

            // Beginning with zero: the sum of two negative zeros would be one.
            Vector<float> mixed = Vector<float>.Zero + (value1 * kept1) + (value2 * kept2);
            Vector<float> divisor = kept1 + kept2;
            divisor = smallest > 0
                ? Vector.Max(divisor, least)
                : Vector.ConditionalSelect(Vector.Equals(divisor, Vector<float>.Zero), Vector<float>.One, divisor);
            Vector.Store(Vector.Load(source + index) + (mixed / divisor), output + index);
        }

        return index;
    }

    private static int AddElected<TDivision>(float* source, in WeightedInput first, in WeightedInput second, float scale, bool zeroIsNegative, float* output, int count)
        where TDivision : struct, IDivision
    {
        float* values1 = first.Values;
        float* values2 = second.Values;
        Vector<float> factor1 = new(first.Factor);
        Vector<float> factor2 = new(second.Factor);
        Vector<float> weight1 = new(first.Weight);
        Vector<float> weight2 = new(second.Weight);
        Vector<float> both = weight1 + weight2;
        Vector<float> scales = new(scale);
        if (typeof(TDivision) == typeof(ByReciprocal))
        {
            weight1 = Vector<float>.One / weight1;
            weight2 = Vector<float>.One / weight2;
            both = Vector<float>.One / both;
        }

        int index = 0;
        for (; index <= count - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<float> term1 = Vector.Load(values1 + index) * factor1;
            Vector<float> term2 = Vector.Load(values2 + index) * factor2;
            Vector<int> flip = Flip(term1 + term2, zeroIsNegative);
            Vector<int> agrees1 = Agrees(term1, flip);
            Vector<int> agrees2 = Agrees(term2, flip);
            Vector<float> mixed = (term1.AsVectorInt32() & agrees1).AsVectorSingle() + (term2.AsVectorInt32() & agrees2).AsVectorSingle();
            if (typeof(TDivision) == typeof(ByReciprocal))
            {
                mixed *= Vector.ConditionalSelect(agrees1, Vector.ConditionalSelect(agrees2, both, weight1), weight2);
            }
            else if (typeof(TDivision) == typeof(ByDivision))
            {
                Vector<float> divisor = (weight1.AsVectorInt32() & agrees1).AsVectorSingle() + (weight2.AsVectorInt32() & agrees2).AsVectorSingle();
                mixed /= Vector.ConditionalSelect(Vector.Equals(divisor, Vector<float>.Zero), Vector<float>.One, divisor);
            }

            Vector.Store(Vector.Load(source + index) + (mixed * scales), output + index);
        }

        return index;
    }

    /// <summary>True for powers of two not near the ends of the range: multiplying by their reciprocal is dividing by them.</summary>
    public static bool HasExactReciprocal(float weight) =>
        weight is >= 1e-30f and <= 1e30f && (BitConverter.SingleToInt32Bits(weight) & 0x7FFFFF) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<int> Flip(Vector<float> vote, bool zeroIsNegative)
    {
        Vector<int> negative = zeroIsNegative ? Vector.LessThanOrEqual(vote, Vector<float>.Zero) : Vector.LessThan(vote, Vector<float>.Zero);
        return negative & new Vector<int>(int.MinValue);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<int> Agrees(Vector<float> term, Vector<int> flip) =>
        Vector.GreaterThan((term.AsVectorInt32() ^ flip).AsVectorSingle(), Vector<float>.Zero);

    // The three loops differ in a few instructions; a type argument makes three of one.
    private interface IDivision;

    private readonly struct Undivided : IDivision;

    private readonly struct ByReciprocal : IDivision;

    private readonly struct ByDivision : IDivision;
}
