using System.Numerics;
using System.Runtime.CompilerServices;

namespace Merganser.Neural.Tokens.Cpu;

/// <summary>What a likeness adds to the energy of its row.</summary>
internal interface IEnergy
{
    Vector<float> Of(Vector<float> likeness);
}

/// <summary>e^x − 1 for −2 ≤ x ≤ 0, which cosines stay in: (e^(x/4))⁴ by a polynomial, to 10⁻⁷. The library's goes through double precision.</summary>
internal static class ShortExponential
{
    private const float Middle = -0.25f, AtMiddle = 0.7788008f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> MinusOne(Vector<float> x)
    {
        Vector<float> y = (x * 0.25f) - new Vector<float>(Middle);
        var sum = new Vector<float>(AtMiddle / 720);
        sum = Vector.FusedMultiplyAdd(sum, y, new Vector<float>(AtMiddle / 120));
        sum = Vector.FusedMultiplyAdd(sum, y, new Vector<float>(AtMiddle / 24));
        sum = Vector.FusedMultiplyAdd(sum, y, new Vector<float>(AtMiddle / 6));
        sum = Vector.FusedMultiplyAdd(sum, y, new Vector<float>(AtMiddle / 2));
        sum = Vector.FusedMultiplyAdd(sum, y, new Vector<float>(AtMiddle));
        sum = Vector.FusedMultiplyAdd(sum, y, new Vector<float>(AtMiddle));
        sum *= sum;
        return Vector.FusedMultiplyAdd(sum, sum, -Vector<float>.One);
    }
}

/// <summary>S − m above m, α(e^(S−m) − 1) below.</summary>
internal readonly struct EluEnergy(float margin, float alpha) : IEnergy
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Of(Vector<float> likeness)
    {
        Vector<float> shifted = likeness - new Vector<float>(margin);
        Vector<float> below = ShortExponential.MinusOne(Vector.Min(shifted, Vector<float>.Zero)) * alpha;
        return Vector.ConditionalSelect(Vector.GreaterThan(shifted, Vector<float>.Zero), shifted, below);
    }
}

/// <summary>S from m on, α(e^(S−m) − 1) below.</summary>
internal readonly struct PaperEnergy(float margin, float alpha) : IEnergy
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Of(Vector<float> likeness)
    {
        Vector<float> shifted = likeness - new Vector<float>(margin);
        Vector<float> below = ShortExponential.MinusOne(Vector.Min(shifted, Vector<float>.Zero)) * alpha;
        return Vector.ConditionalSelect(Vector.GreaterThanOrEqual(shifted, Vector<float>.Zero), likeness, below);
    }
}

/// <summary>The density at S of a normal distribution around 1.</summary>
internal readonly struct GaussianEnergy(float deviation) : IEnergy
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector<float> Of(Vector<float> likeness)
    {
        Vector<float> distance = (Vector<float>.One - likeness) / new Vector<float>(deviation);
        return Vector.Exp(distance * distance * -0.5f) / new Vector<float>(deviation * MathF.Sqrt(2 * MathF.PI));
    }
}

/// <summary>
/// The sum of energies of each row, from the scores on and right of the diagonal: one of those stands for its mirror image too.
/// </summary>
/// <param name="rows">[rows, vector]: what a row got lane by lane.</param>
/// <param name="columns">[padded columns]: what a row got as a column. Padding gathers what nobody reads.</param>
/// <param name="count">The number of rows, which is that of columns.</param>
/// <param name="energy">The kernel.</param>
internal readonly unsafe struct EnergySum<TEnergy>(float* rows, float* columns, int count, TEnergy energy) : ITileSink
    where TEnergy : struct, IEnergy
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int row, int first, Vector<float> low, Vector<float> high)
    {
        Add(row, first, energy.Of(low));
        Add(row, first + Vector<float>.Count, energy.Of(high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add(int row, int first, Vector<float> values)
    {
        int width = Vector<float>.Count;
        float* sum = rows + ((nint)row * width), column = columns + first;
        if (first > row && first + width <= count)
        {
            (Vector.Load(sum) + values).Store(sum);
            (Vector.Load(column) + values).Store(column);
            return;
        }

        Vector<int> lanes = Vector<int>.Indices + new Vector<int>(first);
        Vector<int> exists = Vector.LessThan(lanes, new Vector<int>(count));
        Vector<float> right = Vector.ConditionalSelect(Vector.BitwiseAnd(exists, Vector.GreaterThan(lanes, new Vector<int>(row))), values, Vector<float>.Zero);
        Vector<float> onOrRight = Vector.ConditionalSelect(Vector.BitwiseAnd(exists, Vector.GreaterThanOrEqual(lanes, new Vector<int>(row))), values, Vector<float>.Zero);
        (Vector.Load(sum) + onOrRight).Store(sum);
        (Vector.Load(column) + right).Store(column);
    }
}
