using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Execution;

/// <summary>A combination of a base and one or two models, eight elements at a time.</summary>
internal interface IElementOperator
{
    /// <summary>Combines; <paramref name="origin"/> is the base or, without one, the first model, and <paramref name="second"/> is the first model again when there is one only.</summary>
    Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second);

    /// <summary>True when NaN or infinity in any input makes the result NaN or infinite whatever the factors are: then only results are checked.</summary>
    static virtual bool ShowsNonFinite => false;
}

/// <summary>A merger that can work on stored bfloat16 without the detour over tiles of float32. The result must have the same bits.</summary>
internal interface IBFloat16Merger
{
    /// <summary>Writes the output of a chunk; false to have it done the usual way.</summary>
    bool TryApply(in BFloat16Tile tile);

    /// <summary>Looks at a chunk, which is not checked for NaN and infinities; false, before anything was noted, to have it done the usual way.</summary>
    bool TryScan(in BFloat16Tile tile) => false;

    /// <summary>True when whole tensors are scanned and then read again: the executor may map them. The inputs of a tile must not be written then.</summary>
    bool ReadsAgain => false;
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
    /// Combines all elements of one or two models; false when there are more, or when an input is NaN or infinite (or a result
    /// overflows), so that the usual way can say where.
    /// </summary>
    public bool Run<TOperator>(TOperator combine)
        where TOperator : struct, IElementOperator =>
        models <= 2 && BFloat16Loops.Combine(HasBase ? Base : Model(0), Model(0), Model(models - 1), output, count, combine);

    /// <summary>Adds the products of the two vectors at hand (base and model, or two models) to three sums; false, with the sums as they were, when something is not finite.</summary>
    public bool AddProducts(ref double aa, ref double ab, ref double bb) =>
        BFloat16Loops.AddProducts(HasBase ? Base : Model(0), Model(models - 1), count, ref aa, ref ab, ref bb);
}

/// <summary><c>first·w₀ + second·w₁</c>.</summary>
internal readonly struct WeightedSum(float firstWeight, float secondWeight) : IElementOperator
{
    private readonly Vector256<float> _first = Vector256.Create(firstWeight);
    private readonly Vector256<float> _second = Vector256.Create(secondWeight);

    public static bool ShowsNonFinite => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second) => (first * _first) + (second * _second);
}

/// <summary><c>first·w</c>.</summary>
internal readonly struct WeightedOne(float weight) : IElementOperator
{
    private readonly Vector256<float> _weight = Vector256.Create(weight);

    public static bool ShowsNonFinite => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second) => first * _weight;
}

/// <summary>Another combination, divided.</summary>
internal readonly struct Quotient<TOperator>(TOperator dividend, float divisor) : IElementOperator
    where TOperator : struct, IElementOperator
{
    private readonly TOperator _dividend = dividend;
    private readonly Vector256<float> _divisor = Vector256.Create(divisor);

    public static bool ShowsNonFinite => TOperator.ShowsNonFinite;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second) => _dividend.Invoke(origin, first, second) / _divisor;
}

/// <summary><c>base·w₀ + first·w₁</c>.</summary>
internal readonly struct WeightedBase(float baseWeight, float firstWeight) : IElementOperator
{
    private readonly Vector256<float> _base = Vector256.Create(baseWeight);
    private readonly Vector256<float> _first = Vector256.Create(firstWeight);

    public static bool ShowsNonFinite => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second) => (origin * _base) + (first * _first);
}

/// <summary><c>base + (first − base)·f₀ + (second − base)·f₁</c>, the sum of the changes first.</summary>
internal readonly struct WeightedChanges(float firstFactor, float secondFactor) : IElementOperator
{
    private readonly Vector256<float> _first = Vector256.Create(firstFactor);
    private readonly Vector256<float> _second = Vector256.Create(secondFactor);

    public static bool ShowsNonFinite => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second) =>
        origin + (Vector256<float>.Zero + ((first - origin) * _first) + ((second - origin) * _second));
}

/// <summary><c>base + (first − base)·f</c>.</summary>
internal readonly struct WeightedChange(float factor) : IElementOperator
{
    private readonly Vector256<float> _factor = Vector256.Create(factor);

    public static bool ShowsNonFinite => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second) =>
        origin + (Vector256<float>.Zero + ((first - origin) * _factor));
}
