using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Selection;

/// <summary>The inner loops of <see cref="SceMerger"/> over a base and two models as they are stored, in bfloat16.</summary>
internal static unsafe class SceKernel
{
    /// <summary>Elements of a block; float32 sums are taken over one block at most.</summary>
    public const int BlockElements = 2048;

    /// <summary>The changes of eight elements and the bits of their variance, computed as on tiles.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Key(Vector256<float> origin, ref Vector256<float> first, ref Vector256<float> second)
    {
        first -= origin;
        second -= origin;
        Vector256<float> step = second - first;
        Vector256<float> mean = first + (step * 0.5f);
        return (step * (second - mean) * 0.5f).AsInt32() & Vector256.Create(StoredBits.AbsoluteMask);
    }

    /// <summary>
    /// Counts the variances of a block above a bracket and those that are 0, adds up the squares of the changes above, and
    /// lists the words (two elements each) in which one lies inside. Returns the number of words listed.
    /// </summary>
    public static int Survey(ushort* origin, ushort* first, ushort* second, int count, (int Low, int High) bracket, ref SceCounts counts, uint* list, int stride)
    {
        Vector256<int> low = Vector256.Create(bracket.Low), high = Vector256.Create(bracket.High);
        Vector256<int> above = default, zeros = default;
        Vector256<float> squares1 = default, squares2 = default;
        int length = 0;
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<uint> b = Vector256.Load(origin + index).AsUInt32(), x = Vector256.Load(first + index).AsUInt32(), y = Vector256.Load(second + index).AsUInt32();
            Vector256<int> outside = Look(StoredBits.Even(b), StoredBits.Even(x), StoredBits.Even(y), low, high, ref above, ref zeros, ref squares1, ref squares2);
            outside &= Look(StoredBits.Odd(b), StoredBits.Odd(x), StoredBits.Odd(y), low, high, ref above, ref zeros, ref squares1, ref squares2);
            uint inside = outside.ExtractMostSignificantBits() ^ 0xFF;
            Vector256<int> order = LanePacker.Order(inside);
            LanePacker.Permute(b.AsInt32(), order).AsUInt32().Store(list + length);
            LanePacker.Permute(x.AsInt32(), order).AsUInt32().Store(list + stride + length);
            LanePacker.Permute(y.AsInt32(), order).AsUInt32().Store(list + (2 * stride) + length);
            length += BitOperations.PopCount(inside);
        }

        counts.Above += Vector256.Sum(above);
        counts.Zeros += Vector256.Sum(zeros);
        counts.FirstSquares += Vector256.Sum(squares1);
        counts.SecondSquares += Vector256.Sum(squares2);
        return length;
    }

    /// <summary>
    /// Merges a block: changes whose variance is not above a limit are dropped, signs elected and the weighted mean of what agrees added
    /// to the base. Returns the number of variances one above the limit, that is, equal to the cut.
    /// </summary>
    public static int Apply(ushort* origin, ushort* first, ushort* second, ushort* output, int count, int limit, in SceDivisors divisors, ref Vector256<ushort> largest)
    {
        Vector256<int> edge = Vector256.Create(limit), wanted = Vector256.Create(limit + 1);
        Vector256<int> equal = default;
        Vector256<ushort> magnitude = Vector256.Create((ushort)0x7FFF), most = largest;
        SceDivisors by = divisors;
        for (int index = 0; index < count; index += StoredBits.Width)
        {
            Vector256<ushort> b = Vector256.Load(origin + index), x = Vector256.Load(first + index), y = Vector256.Load(second + index);
            most = Vector256.Max(most, Vector256.Max(b & magnitude, Vector256.Max(x & magnitude, y & magnitude)));
            Vector256<float> even = Merge(StoredBits.Even(b.AsUInt32()), StoredBits.Even(x.AsUInt32()), StoredBits.Even(y.AsUInt32()), edge, wanted, by, ref equal);
            Vector256<float> odd = Merge(StoredBits.Odd(b.AsUInt32()), StoredBits.Odd(x.AsUInt32()), StoredBits.Odd(y.AsUInt32()), edge, wanted, by, ref equal);
            StoredBits.Round(even, odd).Store(output + index);
        }

        largest = most;
        return Vector256.Sum(equal);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Look(
        Vector256<float> origin, Vector256<float> first, Vector256<float> second, Vector256<int> low, Vector256<int> high,
        ref Vector256<int> above, ref Vector256<int> zeros, ref Vector256<float> squares1, ref Vector256<float> squares2)
    {
        Vector256<int> key = Key(origin, ref first, ref second);
        Vector256<int> over = Vector256.GreaterThan(key, high);
        above -= over;
        zeros -= Vector256.Equals(key, Vector256<int>.Zero);
        squares1 = Vector256.MultiplyAddEstimate(first & over.AsSingle(), first, squares1);
        squares2 = Vector256.MultiplyAddEstimate(second & over.AsSingle(), second, squares2);
        return over | Vector256.GreaterThan(low, key);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Merge(
        Vector256<float> origin, Vector256<float> first, Vector256<float> second, Vector256<int> edge, Vector256<int> wanted, in SceDivisors by, ref Vector256<int> equal)
    {
        Vector256<int> key = Key(origin, ref first, ref second);
        Vector256<float> kept = Vector256.GreaterThan(key, edge).AsSingle();
        equal -= Vector256.Equals(key, wanted);
        first &= kept;
        second &= kept;
        Vector256<float> flip = Vector256.LessThan(first + second, Vector256<float>.Zero) & Vector256.Create(-0f);
        Vector256<float> agrees1 = Vector256.GreaterThan(first ^ flip, Vector256<float>.Zero);
        Vector256<float> agrees2 = Vector256.GreaterThan(second ^ flip, Vector256<float>.Zero);
        Vector256<float> mixed = (first * (by.First & agrees1)) + (second * (by.Second & agrees2));

        // Where neither agrees the sum is 0 and any divisor will do.
        return origin + (mixed / StoredBits.Select(agrees1, StoredBits.Select(agrees2, by.OfBoth, by.OfFirst), by.OfSecond));
    }
}

/// <summary>What <see cref="SceKernel.Survey"/> counts.</summary>
internal struct SceCounts
{
    public long Above;
    public long Zeros;
    public double FirstSquares;
    public double SecondSquares;
}

/// <summary>The weights of two models and the divisors that belong to them.</summary>
internal readonly struct SceDivisors(float first, float second, float smallest)
{
    public readonly Vector256<float> First = Vector256.Create(first);
    public readonly Vector256<float> Second = Vector256.Create(second);
    public readonly Vector256<float> OfFirst = Vector256.Create(Divisor(first, smallest));
    public readonly Vector256<float> OfSecond = Vector256.Create(Divisor(second, smallest));
    public readonly Vector256<float> OfBoth = Vector256.Create(Divisor(first + second, smallest));

    private static float Divisor(float sum, float smallest) => smallest > 0 ? Math.Max(sum, smallest) : sum == 0 ? 1 : sum;
}
