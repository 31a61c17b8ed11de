using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Execution;

/// <summary>A combination of a base and one or two models, eight elements at a time.</summary>
internal interface IElementOperator
{
    /// <summary>Combines; <paramref name="origin"/> is the base or, without one, the first model, and <paramref name="second"/> is the first model again when there is one only.</summary>
    Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second);
}

/// <summary>A merger that can work on stored bfloat16 without the detour over tiles of float32. The result must have the same bits.</summary>
internal interface IBFloat16Merger
{
    /// <summary>Writes the output of a chunk; false to have it done the usual way.</summary>
    bool TryApply(in BFloat16Tile tile);

    /// <summary>Looks at a chunk, which is not checked for NaN and infinities; false, before anything was noted, to have it done the usual way.</summary>
    bool TryScan(in BFloat16Tile tile) => false;
}

/// <summary>A run of consecutive elements as they are stored; <paramref name="inputs"/> points to the base (or null) and then to every model.</summary>
internal readonly unsafe ref struct BFloat16Tile(long start, ushort** inputs, int models, ushort* output, int count)
{
    /// <summary>The bit pattern without sign of infinity; those of NaN are above.</summary>
    public const ushort Infinity = 0x7F80;

    /// <summary>The index of the first element in the tensor.</summary>
    public long Start => start;

    /// <summary>The number of elements.</summary>
    public int Count => count;

    /// <summary>True when there is a base that is kept apart.</summary>
    public bool HasBase => inputs[0] != null;

    /// <summary>The number of models, the base not counted when it is kept apart.</summary>
    public int ModelCount => models;

    /// <summary>The base; null when there is none that is kept apart.</summary>
    public ushort* Base => inputs[0];

    /// <summary>The output; null during a scan.</summary>
    public ushort* Output => output;

    /// <summary>One model.</summary>
    public ushort* Model(int model) => inputs[model + 1];

    /// <summary>
    /// Combines all elements of one or two models; false when there are more, or when an input is NaN or infinite, so that the usual way can say where. A word of 32 bits
    /// holds two elements: shifting left gives the even one as float32, masking the odd one; no shuffles are needed. Rounding
    /// adds 0x7FFF and the lowest kept bit; with finite inputs no NaN with payload bits below can arise.
    /// </summary>
    public bool Run<TOperator>(TOperator combine)
        where TOperator : struct, IElementOperator
    {
        if (models > 2)
            return false;
        ushort* first = inputs[1];
        ushort* a = inputs[0] == null ? first : inputs[0];
        ushort* c = models == 1 ? first : inputs[2];
        Vector256<ushort> largest = default;
        int index = 0;
        for (; index <= count - Vector256<ushort>.Count; index += Vector256<ushort>.Count)
            Step(combine, a + index, first + index, c + index, output + index, ref largest);

        if (index < count)
        {
            // The rest goes through a padded copy.
            ushort* rest = stackalloc ushort[4 * Vector256<ushort>.Count];
            new Span<ushort>(rest, 4 * Vector256<ushort>.Count).Clear();
            int left = count - index;
            new ReadOnlySpan<ushort>(a + index, left).CopyTo(new Span<ushort>(rest, left));
            new ReadOnlySpan<ushort>(first + index, left).CopyTo(new Span<ushort>(rest + 16, left));
            new ReadOnlySpan<ushort>(c + index, left).CopyTo(new Span<ushort>(rest + 32, left));
            Step(combine, rest, rest + 16, rest + 32, rest + 48, ref largest);
            new ReadOnlySpan<ushort>(rest + 48, left).CopyTo(new Span<ushort>(output + index, left));
        }

        return !Vector256.GreaterThanOrEqualAny(largest, Vector256.Create(Infinity));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TOperator>(TOperator combine, ushort* a, ushort* b, ushort* c, ushort* to, ref Vector256<ushort> largest)
        where TOperator : struct, IElementOperator
    {
        Vector256<uint> odd = Vector256.Create(0xFFFF0000u);
        Vector256<ushort> magnitude = Vector256.Create((ushort)0x7FFF);
        Vector256<uint> x = Vector256.Load(a).AsUInt32();
        Vector256<uint> y = Vector256.Load(b).AsUInt32();
        Vector256<uint> z = Vector256.Load(c).AsUInt32();
        largest = Vector256.Max(largest, Vector256.Max(x.AsUInt16() & magnitude, Vector256.Max(y.AsUInt16() & magnitude, z.AsUInt16() & magnitude)));
        Vector256<float> low = combine.Invoke((x << 16).AsSingle(), (y << 16).AsSingle(), (z << 16).AsSingle());
        Vector256<float> high = combine.Invoke((x & odd).AsSingle(), (y & odd).AsSingle(), (z & odd).AsSingle());
        ((Round(low) >>> 16) | (Round(high) & odd)).AsUInt16().Store(to);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Round(Vector256<float> value)
    {
        Vector256<uint> bits = value.AsUInt32();
        return bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256<uint>.One);
    }
}

/// <summary><c>(first·w₀ + second·w₁) / divisor</c>, in this order of operations.</summary>
internal readonly struct WeightedSum(float firstWeight, float secondWeight, bool hasSecond, float divisor) : IElementOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second)
    {
        Vector256<float> sum = first * Vector256.Create(firstWeight);
        if (hasSecond)
            sum += second * Vector256.Create(secondWeight);
        return divisor == 1 ? sum : sum / Vector256.Create(divisor);
    }
}

/// <summary><c>base·w₀ + first·w₁</c>.</summary>
internal readonly struct WeightedBase(float baseWeight, float firstWeight) : IElementOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second) =>
        (origin * Vector256.Create(baseWeight)) + (first * Vector256.Create(firstWeight));
}

/// <summary><c>base + (first − base)·f₀ + (second − base)·f₁</c>, the sum of the changes first.</summary>
internal readonly struct WeightedChanges(float firstFactor, float secondFactor, bool hasSecond) : IElementOperator
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second)
    {
        Vector256<float> sum = Vector256<float>.Zero + ((first - origin) * Vector256.Create(firstFactor));
        if (hasSecond)
            sum += (second - origin) * Vector256.Create(secondFactor);
        return origin + sum;
    }
}
