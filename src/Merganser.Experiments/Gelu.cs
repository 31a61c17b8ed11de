using System.Numerics;
using System.Runtime.InteropServices;

namespace Merganser.Experiments;

/// <summary>The Gaussian error linear unit in its exact form: <c>x · ½(1 + erf(x/√2))</c>. arXiv 1606.08415.</summary>
internal static class Gelu
{
    /// <summary>
    /// In place. erf is Abramowitz and Stegun's rational approximation 7.1.26 (absolute error below 1.5e-7):
    /// <c>erf(z) = 1 − (a₁t + … + a₅t⁵) e^(−z²)</c> with <c>t = 1/(1 + pz)</c> for z ≥ 0, odd otherwise.
    /// </summary>
    public static void Apply(Span<float> values)
    {
        Span<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        for (int i = 0; i < vectors.Length; i++)
            vectors[i] = Apply(vectors[i]);
        Span<float> tail = values[(vectors.Length * Vector<float>.Count)..];
        for (int i = 0; i < tail.Length; i++)
            tail[i] = Apply(new Vector<float>(tail[i]))[0];
    }

    private static Vector<float> Apply(Vector<float> x)
    {
        Vector<float> z = Vector.Abs(x) * new Vector<float>(0.70710678f);
        Vector<float> t = Vector<float>.One / (Vector<float>.One + new Vector<float>(0.3275911f) * z);
        var p = new Vector<float>(1.061405429f);
        p = p * t + new Vector<float>(-1.453152027f);
        p = p * t + new Vector<float>(1.421413741f);
        p = p * t + new Vector<float>(-0.284496736f);
        p = p * t + new Vector<float>(0.254829592f);
        Vector<float> erf = Vector<float>.One - p * t * Vector.Exp(-(z * z));
        erf = Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), -erf, erf);
        return x * new Vector<float>(0.5f) * (Vector<float>.One + erf);
    }
}
