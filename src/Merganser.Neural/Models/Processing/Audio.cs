using System.Numerics;

namespace Merganser.Neural.Models.Processing;

/// <summary>Sound of one channel in memory, samples from −1 to 1.</summary>
public sealed class Audio
{
    /// <summary>The most samples per second that are read or made.</summary>
    public const int MaxRate = 768_000;

    private const double Rolloff = 0.99;
    private const int ZeroCrossings = 6;
    private const int MaxSamples = 1 << 29;

    /// <summary>Wraps samples.</summary>
    /// <param name="samples">The samples.</param>
    /// <param name="rate">Samples per second.</param>
    public Audio(float[] samples, int rate)
    {
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rate, MaxRate);
        (Samples, Rate) = (samples, rate);
    }

    /// <summary>The samples.</summary>
    public float[] Samples { get; }

    /// <summary>Samples per second.</summary>
    public int Rate { get; }

    /// <summary>How long it is.</summary>
    public TimeSpan Duration => TimeSpan.FromSeconds((double)Samples.Length / Rate);

    /// <summary>Reads a WAV file (see <see cref="WavFile"/>); several channels become their mean.</summary>
    /// <exception cref="MerganserException">The file cannot be read, or is no WAV file of a kind that is read.</exception>
    public static Audio Read(string path) => WavFile.Read(path);

    /// <summary>
    /// The same sound at another rate: a low-pass sinc, windowed by cos² over six zero crossings a side and cut off at 0.99 of the smaller
    /// Nyquist frequency. ⌈samples · new / old⌉ samples; silence is assumed outside.
    /// </summary>
    public Audio Resample(int rate)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rate, MaxRate);
        if (rate == Rate)
            return this;
        int divisor = (int)BigInteger.GreatestCommonDivisor(Rate, rate), from = Rate / divisor, to = rate / divisor;
        long length = (((long)Samples.Length * to) + from - 1) / from;
        if (length > MaxSamples)
            throw new MerganserException($"{Duration.TotalSeconds:F0} s of sound are too much at {rate} samples per second; cut it into parts");
        (int First, float[] Weights)[] phases = [.. Enumerable.Range(0, to).Select(phase => Phase(phase, from, to))];
        float[] result = new float[length];
        for (int place = 0; place < result.Length; place++)
        {
            (int first, float[] weights) = phases[place % to];
            long start = ((long)(place / to) * from) + first;
            int skipped = (int)Math.Max(0, -start), after = (int)Math.Min(weights.Length, Samples.Length - start);
            if (skipped < after)
                result[place] = System.Numerics.Tensors.TensorPrimitives.Dot<float>(weights.AsSpan(skipped, after - skipped), Samples.AsSpan((int)(start + skipped), after - skipped));
        }

        return new Audio(result, rate);
    }

    /// <summary>The weights of the old samples around a new one, which lies phase/to of the way from one period to the next.</summary>
    private static (int First, float[] Weights) Phase(int phase, int from, int to)
    {
        double cut = Math.Min(from, to) * Rolloff, reach = ZeroCrossings * from / cut, centre = (double)phase * from / to;
        int first = (int)Math.Ceiling(centre - reach), last = (int)Math.Floor(centre + reach);
        float[] weights = new float[last - first + 1];
        for (int i = 0; i < weights.Length; i++)
        {
            double t = (first + i - centre) / from * cut;
            double window = Math.Cos(Math.Clamp(t, -ZeroCrossings, ZeroCrossings) * Math.PI / ZeroCrossings / 2);
            weights[i] = (float)((t == 0 ? 1 : Math.Sin(t * Math.PI) / (t * Math.PI)) * window * window * cut / from);
        }

        return (first, weights);
    }
}
