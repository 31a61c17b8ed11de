using System.Numerics;
using System.Runtime.InteropServices;

namespace Merganser.Weights.Selection;

/// <summary>One value for each model, beside a pointer to its elements.</summary>
/// <param name="values">The model's elements of the tile.</param>
/// <param name="factor">The factor of the model's task vector.</param>
/// <param name="weight">What the model adds to the divisor where it takes part.</param>
internal readonly unsafe struct WeightedInput(float* values, float factor, float weight)
{
    public readonly float* Values = values;
    public readonly float Factor = factor;
    public readonly float Weight = weight;
}

/// <summary>The inner loops of the task-vector methods, over the elements of one tile, all models at once.</summary>
internal static unsafe class TaskVectorKernels
{
    /// <summary>A tile's pointer; its memory does not move.</summary>
    public static float* Pointer(Span<float> tile) => (float*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(tile));

    /// <summary><c>output = base + Σ factor·(model − base)</c>.</summary>
    public static void AddDifferences(float* source, ReadOnlySpan<WeightedInput> inputs, float* output, int count)
    {
        int index = 0;
        int width = Vector<float>.Count;

        // Four vectors for each visit of a model, so that the loop over models costs little.
        for (; index <= count - (4 * width); index += 4 * width)
        {
            float* from = source + index;
            Vector<float> origin0 = Vector.Load(from);
            Vector<float> origin1 = Vector.Load(from + width);
            Vector<float> origin2 = Vector.Load(from + (2 * width));
            Vector<float> origin3 = Vector.Load(from + (3 * width));
            Vector<float> sum0 = default;
            Vector<float> sum1 = default;
            Vector<float> sum2 = default;
            Vector<float> sum3 = default;
            for (int model = 0; model < inputs.Length; model++)
            {
                float* values = inputs[model].Values + index;
                Vector<float> factor = new(inputs[model].Factor);
                sum0 += (Vector.Load(values) - origin0) * factor;
                sum1 += (Vector.Load(values + width) - origin1) * factor;
                sum2 += (Vector.Load(values + (2 * width)) - origin2) * factor;
                sum3 += (Vector.Load(values + (3 * width)) - origin3) * factor;
            }

            float* to = output + index;
            Vector.Store(origin0 + sum0, to);
            Vector.Store(origin1 + sum1, to + width);
            Vector.Store(origin2 + sum2, to + (2 * width));
            Vector.Store(origin3 + sum3, to + (3 * width));
        }

        for (; index < count; index++)
        {
            float sum = 0;
            foreach (ref readonly WeightedInput input in inputs)
                sum += (input.Values[index] - source[index]) * input.Factor;
            output[index] = source[index] + sum;
        }
    }

    /// <summary><c>output = base + Σ factor·δ</c>.</summary>
    public static void AddDeltas(float* source, ReadOnlySpan<WeightedInput> inputs, float* output, int count)
    {
        int index = 0;
        int width = Vector<float>.Count;
        for (; index <= count - (4 * width); index += 4 * width)
        {
            Vector<float> sum0 = default;
            Vector<float> sum1 = default;
            Vector<float> sum2 = default;
            Vector<float> sum3 = default;
            for (int model = 0; model < inputs.Length; model++)
            {
                float* values = inputs[model].Values + index;
                Vector<float> factor = new(inputs[model].Factor);
                sum0 += Vector.Load(values) * factor;
                sum1 += Vector.Load(values + width) * factor;
                sum2 += Vector.Load(values + (2 * width)) * factor;
                sum3 += Vector.Load(values + (3 * width)) * factor;
            }

            float* from = source + index;
            float* to = output + index;
            Vector.Store(Vector.Load(from) + sum0, to);
            Vector.Store(Vector.Load(from + width) + sum1, to + width);
            Vector.Store(Vector.Load(from + (2 * width)) + sum2, to + (2 * width));
            Vector.Store(Vector.Load(from + (3 * width)) + sum3, to + (3 * width));
        }

        for (; index < count; index++)
        {
            float sum = 0;
            foreach (ref readonly WeightedInput input in inputs)
                sum += input.Values[index] * input.Factor;
            output[index] = source[index] + sum;
        }
    }

    /// <summary>
    /// Sign election: at each position the sign of <c>Σ factor·δ</c> (0 counts as positive, or as negative when so told) is kept;
    /// <c>output = base + scale·Σ kept factor·δ / divisor</c>, the divisor being Σ of the kept weights (0 becomes 1), or 1
    /// without <paramref name="normalize"/>.
    /// </summary>
    public static void AddElected(float* source, ReadOnlySpan<WeightedInput> inputs, float scale, bool normalize, bool zeroIsNegative, float* output, int count)
    {
        int index = inputs.Length == 2 ? PairKernels.AddElected(source, inputs[0], inputs[1], scale, normalize, zeroIsNegative, output, count) : 0;
        for (; index <= count - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<int> flip = Elect(inputs, index, zeroIsNegative);
            Vector<float> mixed = default;
            Vector<float> divisor = default;
            foreach (ref readonly WeightedInput input in inputs)
            {
                Vector<float> term = Vector.Load(input.Values + index) * input.Factor;
                Vector<int> agrees = Agrees(term, flip);
                mixed += (term.AsVectorInt32() & agrees).AsVectorSingle();
                divisor += (new Vector<float>(input.Weight).AsVectorInt32() & agrees).AsVectorSingle();
            }

            if (normalize)
                mixed /= Vector.ConditionalSelect(Vector.Equals(divisor, Vector<float>.Zero), Vector<float>.One, divisor);
            Vector.Store(Vector.Load(source + index) + (mixed * scale), output + index);
        }

        for (; index < count; index++)
        {
            bool negative = IsNegative(inputs, index, zeroIsNegative);
            float mixed = 0;
            float divisor = 0;
            foreach (ref readonly WeightedInput input in inputs)
            {
                float term = input.Values[index] * input.Factor;
                if (negative ? term < 0 : term > 0)
                {
                    mixed += term;
                    divisor += input.Weight;
                }
            }

            if (normalize)
                mixed /= divisor == 0 ? 1 : divisor;
            output[index] = source[index] + (mixed * scale);
        }
    }

    /// <summary>
    /// As <see cref="AddElected"/>, but the vote is <c>Σ factor·δ</c> and the mean <c>Σ kept weight·δ / Σ kept weight</c>;
    /// the divisor is at least <paramref name="smallest"/>, and with a smallest of 0 a divisor of 0 becomes 1.
    /// </summary>
    public static void AddElectedMean(float* source, ReadOnlySpan<WeightedInput> inputs, float smallest, float* output, int count)
    {
        int index = inputs.Length == 2 ? PairKernels.AddElectedMean(source, inputs[0], inputs[1], smallest, output, count) : 0;
        for (; index <= count - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<int> flip = Elect(inputs, index, zeroIsNegative: false);
            Vector<float> mixed = default;
            Vector<float> divisor = default;
            foreach (ref readonly WeightedInput input in inputs)
            {
                Vector<float> value = Vector.Load(input.Values + index);
                Vector<float> weight = (new Vector<float>(input.Weight).AsVectorInt32() & Agrees(value, flip)).AsVectorSingle();
                mixed += value * weight;
                divisor += weight;
            }

            divisor = smallest > 0
                ? Vector.Max(divisor, new Vector<float>(smallest))
                : Vector.ConditionalSelect(Vector.Equals(divisor, Vector<float>.Zero), Vector<float>.One, divisor);
            Vector.Store(Vector.Load(source + index) + (mixed / divisor), output + index);
        }

        for (; index < count; index++)
        {
            bool negative = IsNegative(inputs, index, zeroIsNegative: false);
            float mixed = 0;
            float divisor = 0;
            foreach (ref readonly WeightedInput input in inputs)
            {
                float value = input.Values[index];
                if (negative ? value < 0 : value > 0)
                {
                    mixed += value * input.Weight;
                    divisor += input.Weight;
                }
            }

            output[index] = source[index] + (mixed / (smallest > 0 ? Math.Max(divisor, smallest) : divisor == 0 ? 1 : divisor));
        }
    }

    /// <summary>Sets values to 0 where a mask is 0.</summary>
    public static void KeepWhereNotZero(float* values, ReadOnlySpan<float> mask)
    {
        ref float first = ref MemoryMarshal.GetReference(mask);
        int index = 0;
        for (; index <= mask.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<int> dropped = Vector.Equals(Vector.LoadUnsafe(ref first, (nuint)index), Vector<float>.Zero);
            Vector.Store(Vector.AndNot(Vector.Load(values + index).AsVectorInt32(), dropped).AsVectorSingle(), values + index);
        }

        for (; index < mask.Length; index++)
        {
            if (mask[index] == 0)
                values[index] = 0;
        }
    }

    /// <summary>The sign bit where the elected sign is negative: flipping it makes what agrees positive.</summary>
    private static Vector<int> Elect(ReadOnlySpan<WeightedInput> inputs, int index, bool zeroIsNegative)
    {
        Vector<float> vote = default;
        foreach (ref readonly WeightedInput input in inputs)
            vote += Vector.Load(input.Values + index) * input.Factor;
        Vector<int> negative = zeroIsNegative ? Vector.LessThanOrEqual(vote, Vector<float>.Zero) : Vector.LessThan(vote, Vector<float>.Zero);
        return negative & new Vector<int>(int.MinValue);
    }

    private static Vector<int> Agrees(Vector<float> term, Vector<int> flip) =>
        Vector.GreaterThan((term.AsVectorInt32() ^ flip).AsVectorSingle(), Vector<float>.Zero);

    private static bool IsNegative(ReadOnlySpan<WeightedInput> inputs, int index, bool zeroIsNegative)
    {
        float vote = 0;
        foreach (ref readonly WeightedInput input in inputs)
            vote += input.Values[index] * input.Factor;
        return vote < 0 || (zeroIsNegative && vote == 0);
    }
}
