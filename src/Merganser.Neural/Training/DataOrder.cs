namespace Merganser.Neural.Training;

/// <summary>
/// The order of examples: every epoch a permutation of its own, drawn from the seed and the epoch's number, so that any place in a run is
/// known without having run up to it.
/// </summary>
public sealed class DataOrder
{
    private readonly ulong _seed;
    private readonly int[] _epoch;
    private long _current = -1;

    /// <summary>The order of <paramref name="count"/> examples.</summary>
    public DataOrder(int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        (_seed, _epoch) = (seed, new int[count]);
    }

    /// <summary>The example at a place of the run; places go on from epoch to epoch.</summary>
    public int this[long place]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(place);
            (long epoch, long within) = Math.DivRem(place, _epoch.Length);
            if (epoch != _current)
                Shuffle(epoch);
            return _epoch[within];
        }
    }

    /// <summary>A number that depends on a seed and a place and on nothing else (the mixing step of SplitMix64).</summary>
    public static ulong Mix(ulong seed, ulong place)
    {
        ulong z = unchecked(seed + ((place + 1) * 0x9E3779B97F4A7C15));
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }

    private void Shuffle(long epoch)
    {
        ulong key = Mix(_seed, (ulong)epoch);
        for (int i = 0; i < _epoch.Length; i++)
            _epoch[i] = i;
        for (int i = _epoch.Length - 1; i > 0; i--)
        {
            int other = (int)Math.BigMul(Mix(key, (ulong)i), (ulong)i + 1, out _);
            (_epoch[i], _epoch[other]) = (_epoch[other], _epoch[i]);
        }

        _current = epoch;
    }
}
