using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Methods;

/// <summary>
/// The arithmetic of the <c>main</c> variant of PCB-Merging for one or two tasks whose lower bound of |T| is 0, which is what models in narrow
/// types have: the exponent of intra then lies between 0 and 2, and one polynomial serves without splitting it.
/// </summary>
internal static class PcbSmall
{
    /// <summary>Up to it the hyperbolic tangent equals its argument to less than 10⁻⁷ of itself.</summary>
    public const float Linear = 1f / 2048;

    /// <summary>True when this arithmetic serves.</summary>
    public static bool Suits(int tasks, float low) => tasks <= 2 && low == 0;

    /// <summary>What a clamped change is multiplied by to get the square root of intra's exponent.</summary>
    public static float Root(int tasks, float inverse) => Math.Min(float.MaxValue, MathF.Sqrt(tasks) * inverse);

    /// <summary>eˣ for x from 0 to 2, with a relative error below 4·10⁻⁷.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp(Vector256<float> x)
    {
        Vector256<float> p = Vector256.MultiplyAddEstimate(Vector256.Create(0.00052455033f), x, Vector256.Create(0.00023306122f));
        p = Vector256.MultiplyAddEstimate(p, x, Vector256.Create(0.010280182f));
        p = Vector256.MultiplyAddEstimate(p, x, Vector256.Create(0.0399306342f));
        p = Vector256.MultiplyAddEstimate(p, x, Vector256.Create(0.167479262f));
        p = Vector256.MultiplyAddEstimate(p, x, Vector256.Create(0.499819249f));
        p = Vector256.MultiplyAddEstimate(p, x, Vector256.Create(1.00001478f));
        return Vector256.MultiplyAddEstimate(p, x, Vector256.Create(0.999999821f));
    }

    /// <summary>eˣ for x from 0 to 2, with a relative error below 6·10⁻⁴; increasing beyond.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> RoughExp(Vector256<float> x)
    {
        Vector256<float> p = Vector256.MultiplyAddEstimate(Vector256.Create(0.108630463f), x, Vector256.Create(0.0452174656f));
        p = Vector256.MultiplyAddEstimate(p, x, Vector256.Create(0.579585075f));
        p = Vector256.MultiplyAddEstimate(p, x, Vector256.Create(0.983334303f));
        return Vector256.MultiplyAddEstimate(p, x, Vector256.Create(1.00050306f));
    }

    /// <summary>A change between the upper bound of |T| and minus that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Clamp(Vector256<float> change, Vector256<float> high) => Vector256.MaxNative(-high, Vector256.MinNative(high, change));

    /// <summary>Intra of a clamped change.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Intra(Vector256<float> clamped, Vector256<float> root)
    {
        Vector256<float> norm = clamped * root;
        return Exp(norm * norm);
    }

    /// <summary>Inter of products of change and sum; a lane's result does not depend on the others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Inter(Vector256<float> product)
    {
        Vector256<float> isFar = Vector256.GreaterThan(Vector256.Abs(product), Vector256.Create(Linear));
        return isFar.ExtractMostSignificantBits() == 0 ? product : FarInter(product, isFar);
    }

    /// <summary>The coefficient S of a task.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scale(Vector256<float> product, in PcbWeighing by) =>
        Vector256.MinNative(Vector256<float>.One, Vector256.MaxNative(Vector256<float>.Zero, product - by.Floor) * by.Share);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<float> FarInter(Vector256<float> product, Vector256<float> isFar) => Vector256.ConditionalSelect(isFar, PcbKernel.Tanh(product), product);
}
