namespace Merganser.Weights.Spectral;

/// <summary>Standard normal numbers from a counter: value i depends on the seed and on i only.</summary>
internal static class GaussianNoise
{
    public static void Fill(Span<double> values, ulong seed)
    {
        for (int i = 0; i < values.Length; i += 2)
        {
            double radius = Math.Sqrt(-2 * Math.Log(Uniform(seed, (ulong)i)));
            (double sine, double cosine) = Math.SinCos(2 * Math.PI * Uniform(seed, (ulong)i + 1));
            values[i] = radius * cosine;
            if (i + 1 < values.Length)
                values[i + 1] = radius * sine;
        }
    }

    /// <summary>Uniform in (0, 1]: a 64-bit finaliser over seed and counter.</summary>
    internal static double Uniform(ulong seed, ulong counter)
    {
        ulong x = (seed * 0xD1342543DE82EF95) + ((counter + 1) * 0x9E3779B97F4A7C15);
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        x ^= x >> 31;
        return ((x >> 11) + 1) * (1.0 / (1UL << 53));
    }
}
