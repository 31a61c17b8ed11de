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
        for (; index <= count - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<float> origin = Vector.Load(source + index);
            Vector<float> sum = default;
            foreach (ref readonly WeightedInput input in inputs)
                sum += (Vector.Load(input.Values + index) - origin) * input.Factor;
            Vector.Store(origin + sum, output + index);
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
        for (; index <= count - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<float> sum = default;
            foreach (ref readonly WeightedInput input in inputs)
                sum += Vector.Load(input.Values + index) * input.Factor;
            Vector.Store(Vector.Load(source + index) + sum, output + index);
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
    /// Sign election: at each position the sign of <c>Σ factor·δ</c> (0 counts as positive) is kept;
    /// <c>output = base + scale·Σ kept factor·δ / divisor</c>, the divisor being Σ of the kept weights (at least
    /// <paramref name="smallest"/>; 0 becomes 1), or 1 without <paramref name="normalize"/>.
    /// </summary>
    public static void AddElected(
        float* source, ReadOnlySpan<WeightedInput> inputs, float scale, bool normalize, float smallest, float* output, int count)
    {
        int index = 0;
        Vector<float> floor = new(smallest);
        for (; index <= count - Vector<float>.Count; index += Vector<float>.Count)
        {
            Vector<float> vote = default;
            foreach (ref readonly WeightedInput input in inputs)
                vote += Vector.Load(input.Values + index) * input.Factor;

            // All ones where the elected sign is negative: the sign bit of a term must then be flipped to be positive.
            Vector<int> flip = Vector.LessThan(vote, Vector<float>.Zero) & new Vector<int>(int.MinValue);
            Vector<float> mixed = default;
            Vector<float> divisor = default;
            foreach (ref readonly WeightedInput input in inputs)
            {
                Vector<float> term = Vector.Load(input.Values + index) * input.Factor;
                Vector<int> agrees = Vector.GreaterThan((term.AsVectorInt32() ^ flip).AsVectorSingle(), Vector<float>.Zero);
                mixed += (term.AsVectorInt32() & agrees).AsVectorSingle();
                divisor += (new Vector<float>(input.Weight).AsVectorInt32() & agrees).AsVectorSingle();
            }

            if (normalize)
            {
                divisor = smallest > 0
                    ? Vector.Max(divisor, floor)
                    : Vector.ConditionalSelect(Vector.Equals(divisor, Vector<float>.Zero), Vector<float>.One, divisor);
                mixed /= divisor;
            }

            Vector.Store(Vector.Load(source + index) + (mixed * scale), output + index);
        }

        for (; index < count; index++)
        {
            float vote = 0;
            foreach (ref readonly WeightedInput input in inputs)
                vote += input.Values[index] * input.Factor;
            float mixed = 0;
            float divisor = 0;
            foreach (ref readonly WeightedInput input in inputs)
            {
                float term = input.Values[index] * input.Factor;
                if (vote < 0 ? term < 0 : term > 0)
                {
                    mixed += term;
                    divisor += input.Weight;
                }
            }

            if (normalize)
                mixed /= smallest > 0 ? Math.Max(divisor, smallest) : divisor == 0 ? 1 : divisor;
            output[index] = source[index] + (mixed * scale);
        }
    }
}
