using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>A stored model beside what is kept of its change.</summary>
/// <param name="values">The model's elements.</param>
/// <param name="bits">One bit for each element, set where the change is kept.</param>
/// <param name="factor">The factor of the model's task vector.</param>
/// <param name="weight">What the model adds to the divisor where it takes part.</param>
internal readonly unsafe struct StoredInput(ushort* values, byte* bits, float factor, float weight)
{
    public readonly ushort* Values = values;
    public readonly byte* Bits = bits;
    public readonly float Factor = factor;
    public readonly float Weight = weight;
}

/// <summary>
/// The last step of the task-vector methods on stored bfloat16 numbers: the results of <see cref="TaskVectorKernels"/>, bit for
/// bit. Where a change is dropped the model's element is replaced by the base's, so that the difference is 0.
/// </summary>
internal static unsafe class StoredCombine
{
    /// <summary>Combines, and takes the greatest of all inputs' magnitudes into <paramref name="largest"/>.</summary>
    /// <param name="source">The base.</param>
    /// <param name="inputs">The models.</param>
    /// <param name="election">How signs are elected; null for the plain sum of factor·δ.</param>
    /// <param name="output">Room for the result.</param>
    /// <param name="count">Elements.</param>
    /// <param name="largest">Grows to the greatest bit pattern without sign.</param>
    public static void Run(ushort* source, ReadOnlySpan<StoredInput> inputs, Election? election, ushort* output, int count, ref Vector256<ushort> largest)
    {
        int whole = count & -StoredBits.Width;
        RunWhole(source, inputs, election, output, whole, ref largest);
        int left = count - whole;
        if (left == 0)
            return;

        // The rest goes through a padded copy: base, models, result.
        int width = StoredBits.Width;
        Span<ushort> rest = new ushort[(inputs.Length + 2) * width];
        Span<StoredInput> padded = new StoredInput[inputs.Length];
        fixed (ushort* to = rest)
        {
            new ReadOnlySpan<ushort>(source + whole, left).CopyTo(rest);
            for (int model = 0; model < inputs.Length; model++)
            {
                ref readonly StoredInput input = ref inputs[model];
                new ReadOnlySpan<ushort>(input.Values + whole, left).CopyTo(rest[((model + 1) * width)..]);
                padded[model] = new StoredInput(to + ((model + 1) * width), input.Bits + (whole / 8), input.Factor, input.Weight);
            }

            ushort* result = to + ((inputs.Length + 1) * width);
            RunWhole(to, padded, election, result, width, ref largest);
            new ReadOnlySpan<ushort>(result, left).CopyTo(new Span<ushort>(output + whole, left));
        }
    }

    private static void RunWhole(ushort* source, ReadOnlySpan<StoredInput> inputs, Election? election, ushort* output, int count, ref Vector256<ushort> largest)
    {
        if (election is null)
            Add(source, inputs, output, count, ref largest);
        else if (inputs.Length == 2)
            StoredElection.OfTwo(source, inputs[0], inputs[1], election, output, count, ref largest);
        else
            StoredElection.OfMany(source, inputs, election, output, count, ref largest);
    }

    /// <summary><c>base + Σ factor·δ</c>.</summary>
    private static void Add(ushort* source, ReadOnlySpan<StoredInput> inputs, ushort* output, int count, ref Vector256<ushort> largest)
    {
        Vector256<ushort> most = largest;
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<uint> from = Vector256.Load(source + index).AsUInt32();
            Vector256<float> fromEven = StoredBits.Even(from);
            Vector256<float> fromOdd = StoredBits.Odd(from);
            Vector256<float> even = default;
            Vector256<float> odd = default;
            most = Magnitude(most, from);
            for (int model = 0; model < inputs.Length; model++)
            {
                ref readonly StoredInput input = ref inputs[model];
                Vector256<uint> to = Kept(input, index, from, ref most);
                Vector256<float> factor = Vector256.Create(input.Factor);
                even += (StoredBits.Even(to) - fromEven) * factor;
                odd += (StoredBits.Odd(to) - fromOdd) * factor;
            }

            StoredBits.Round(fromEven + even, fromOdd + odd).Store(output + index);
        }

        largest = most;
    }

    /// <summary>Sixteen elements of a model, those of the base where the change is dropped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<uint> Kept(in StoredInput input, int index, Vector256<uint> from, ref Vector256<ushort> largest)
    {
        Vector256<ushort> to = Vector256.Load(input.Values + index);
        largest = Magnitude(largest, to.AsUInt32());
        return StoredBits.Select(StoredBits.Unpack(input.Bits, index), to.AsInt16(), from.AsInt16()).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<ushort> Magnitude(Vector256<ushort> largest, Vector256<uint> words) =>
        Vector256.Max(largest, words.AsUInt16() & Vector256.Create((ushort)0x7FFF));
}
