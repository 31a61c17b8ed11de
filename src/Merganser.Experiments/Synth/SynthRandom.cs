namespace Merganser.Experiments.Synth;

/// <summary>Random numbers of a synthetic world: the same for a seed on every machine (SplitMix64, Box and Muller).</summary>
internal sealed class SynthRandom(ulong seed)
{
    private ulong _state = seed * 0x9E3779B97F4A7C15UL + 0x632BE59BD9B4E019UL;
    private double _spare = double.NaN;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in 0 … count − 1.</summary>
    public int Below(int count) => (int)Math.BigMul(Next(), (ulong)count, out _);

    /// <summary>Standard normal.</summary>
    public double Normal()
    {
        if (!double.IsNaN(_spare))
        {
            (double kept, _spare) = (_spare, double.NaN);
            return kept;
        }

        double radius = Math.Sqrt(-2 * Math.Log(1 - Uniform()));
        (double sine, double cosine) = Math.SinCos(2 * Math.PI * Uniform());
        _spare = radius * sine;
        return radius * cosine;
    }

    /// <summary>An array of normal numbers times a factor.</summary>
    public float[] Normals(int count, double factor)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)(factor * Normal());
        return values;
    }

    /// <summary>Some of 0 … count − 1 without repetition, in random order.</summary>
    public int[] Draw(int count, int wanted)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        for (int i = 0; i < wanted; i++)
        {
            int other = i + Below(count - i);
            (order[i], order[other]) = (order[other], order[i]);
        }

        return order[..wanted];
    }
}
