using System.IO.Hashing;
using System.Text;

namespace Merganser.Weights.Tools;

/// <summary>
/// Random numbers from a seed and a name. Number i of a stream is a function of seed, name and i alone, so that results do not
/// depend on threads or platforms.
/// </summary>
internal sealed class KeyedRandom
{
    private readonly ulong _key;
    private long _next;

    public KeyedRandom(ulong seed, string name) => _key = Mix(seed ^ XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(name)));

    /// <summary>Number <paramref name="index"/>, uniform in [0, 1).</summary>
    public double Uniform(long index) => (Bits(index) >> 11) * (1.0 / (1L << 53));

    /// <summary>Number <paramref name="index"/> of mean 0 and variance 1; numbers come in pairs (Box and Muller).</summary>
    public double Normal(long index)
    {
        long pair = index & ~1L;
        // 1 − u is in (0, 1], whose logarithm is finite.
        double radius = Math.Sqrt(-2 * Math.Log(1 - Uniform(pair)));
        double angle = 2 * Math.PI * Uniform(pair + 1);
        return radius * ((index & 1) == 0 ? Math.Cos(angle) : Math.Sin(angle));
    }

    /// <summary>The next number in [0, 1).</summary>
    public double NextUniform() => Uniform(_next++);

    /// <summary>Puts items in random order.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int other = (int)(NextUniform() * (i + 1));
            (items[i], items[other]) = (items[other], items[i]);
        }
    }

    private ulong Bits(long index) => Mix(_key + ((ulong)index * 0x9E3779B97F4A7C15));

    /// <summary>The output function of SplitMix64.</summary>
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
