namespace Merganser.Weights.Selection;

/// <summary>
/// A cut at a magnitude of which the first few of equal elements, in order of their index, are taken. A stretch of elements is
/// separated by one comparison unless the ties run out inside it.
/// </summary>
/// <param name="threshold">The smallest magnitude taken, as a bit pattern without sign.</param>
/// <param name="ties">Elements that equal it.</param>
/// <param name="taken">How many of them are taken.</param>
internal struct TieCut(int threshold, long ties, long taken)
{
    private readonly bool _takesAll = ties == taken;
    private long _left = taken;

    /// <summary>The smallest magnitude taken.</summary>
    public readonly int Threshold => threshold;

    /// <summary>Magnitudes above are taken, as long as ties are left for all.</summary>
    public readonly int Limit => _left > 0 ? threshold - 1 : threshold;

    /// <summary>True when ties must be counted, because they will run out.</summary>
    public readonly bool IsCounting => _left > 0 && !_takesAll;

    /// <summary>Ties that may still be taken.</summary>
    public readonly long Left => _left;

    /// <summary>Takes ties.</summary>
    public void Take(long count) => _left -= count;

    /// <summary>Sets everything that is not taken to 0.</summary>
    public void Keep(Span<float> values)
    {
        foreach (ref float value in values)
        {
            int key = BitConverter.SingleToInt32Bits(value) & StoredBits.AbsoluteMask;
            if (key > threshold)
                continue;
            if (key == threshold && _left > 0)
                _left -= _takesAll ? 0 : 1;
            else
                value = 0;
        }
    }
}
