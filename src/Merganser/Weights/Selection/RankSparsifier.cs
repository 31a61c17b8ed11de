namespace Merganser.Weights.Selection;

/// <summary>
/// Keeps an element with a probability that grows with the rank of its magnitude in its row (DELLA):
/// <c>p = (ρ − ε) + 2ε·(rank − 1)/(n − 1)</c>, rank 1 for the smallest; of equal magnitudes the lower index has the lower rank.
/// </summary>
/// <remarks>
/// An element is kept when its rank, counted from 0, is above <c>z = (u − (ρ − ε))·(n − 1)/2ε</c>, u the element's draw
/// in (0, 1) with 16 bits, so that probabilities are rounded to multiples of 2⁻¹⁶. z below 0 or from n − 1 on settles most elements without a rank; buckets of equal width bound
/// the ranks of nearly all others; only the rest is ranked exactly.
/// </remarks>
internal sealed unsafe class RankSparsifier : Sparsifier
{
    private const int MaxKeptBytes = 1 << 28;

    private readonly DrawStream _draws;
    private readonly int _rowLength;
    private readonly int _rowStride;
    private readonly int _slice;
    private readonly uint _plain;

    // The decisions of the first pass, one bit for an element, every row beginning with a new byte: a rescaling
    // visits the tensor twice.
    private readonly byte[]? _kept;
    private int _passes;

    private readonly short[] _u;
    private readonly byte[] _scratch;
    private readonly RowRanks? _ranks;
    private readonly float _lowest;
    private readonly float _slope;
    private StoredRanks? _storedRanks;
    private float[] _gathered = [];

    /// <summary>Ranks within rows of one shape.</summary>
    /// <param name="draws">Random numbers, by flat index.</param>
    /// <param name="density">The mean probability ρ.</param>
    /// <param name="epsilon">Half the range of the probabilities ε.</param>
    /// <param name="count">Elements of the tensor.</param>
    /// <param name="rowLength">Elements that are ranked together.</param>
    /// <param name="rowStride">The distance of neighbours in a row; 1 when rows are contiguous. Rows then interleave in slices of rowLength · rowStride elements.</param>
    public RankSparsifier(DrawStream draws, double density, double epsilon, long count, int rowLength, int rowStride)
    {
        _draws = draws;
        _rowLength = rowLength;
        _rowStride = rowStride;
        _slice = checked(rowLength * rowStride);
        float slope = (float)((rowLength - 1) / (2 * epsilon));
        _lowest = (float)(density - epsilon);
        _slope = slope;
        _plain = DrawStream.Threshold(density);
        IsPlain = rowLength < 2 || epsilon == 0 || !float.IsFinite(slope);
        _u = new short[rowLength];
        _scratch = new byte[BytesPerRow];
        if (!IsPlain)
            _ranks = new RowRanks(rowLength, _lowest, slope);
        long bytes = rowLength == 0 ? 0 : count / rowLength * BytesPerRow;
        if (!IsPlain && rowStride == 1 && bytes <= MaxKeptBytes)
            _kept = new byte[bytes];
    }

    /// <inheritdoc/>
    public override Granularity Granularity => _rowStride == 1 ? Granularity.Rows : Granularity.Tensor;

    /// <summary>True when all probabilities are equal, so that ranks do not matter.</summary>
    public bool IsPlain { get; }

    private int BytesPerRow => (_rowLength + 7) / 8;

    /// <inheritdoc/>
    public override void BeginPass(bool isLast) => _passes++;

    /// <inheritdoc/>
    public override void Apply(Span<float> delta, long start)
    {
        if (IsPlain)
        {
            _draws.KeepBelow(_plain, start, delta);
            return;
        }

        for (int offset = 0; offset < delta.Length; offset += _slice)
        {
            Span<float> slice = delta.Slice(offset, _slice);
            if (_rowStride != 1)
            {
                KeepInColumns(slice, start + offset);
                continue;
            }

            Span<byte> kept = _kept is null ? _scratch : _kept.AsSpan((int)((start + offset) / _rowLength * BytesPerRow), BytesPerRow);
            if (_passes > 1 && _kept is not null)
            {
                RowBits.Apply(kept, slice);
                continue;
            }

            _draws.FillUpper(start + offset, _u);
            KeepInRow(slice, kept);
        }
    }

    /// <inheritdoc/>
    public override bool CanSelectStored => _rowStride == 1 && _rowLength % StoredBits.Width == 0 && _rowLength is > 0 and <= StoredRanks.MaxLength;

    /// <inheritdoc/>
    public override int StoredElements => _rowLength * Math.Max(1, StoredCollect.MaxElements / _rowLength);

    /// <inheritdoc/>
    public override void SelectStored(ushort* origin, ushort* model, long start, int count, byte* bits)
    {
        if (IsPlain)
        {
            _draws.SelectBelow(_plain, start, count, bits);
            return;
        }

        Span<byte> kept = _kept is null ? default : _kept.AsSpan((int)(start / 8), count / 8);
        if (_passes > 1 && _kept is not null)
        {
            kept.CopyTo(new Span<byte>(bits, kept.Length));
            return;
        }

        _storedRanks ??= new StoredRanks(_draws, _rowLength, _lowest, _slope);
        for (int offset = 0; offset < count; offset += _rowLength)
            _storedRanks.Decide(origin + offset, model + offset, start + offset, bits + (offset / 8));
        new ReadOnlySpan<byte>(bits, kept.Length).CopyTo(kept);
    }

    private void KeepInColumns(Span<float> slice, long start)
    {
        Array.Resize(ref _gathered, _rowLength);
        for (int column = 0; column < _rowStride; column++)
        {
            for (int i = 0; i < _rowLength; i++)
            {
                int index = (i * _rowStride) + column;
                _gathered[i] = slice[index];
                _u[i] = (short)(_draws.Upper(start + index) ^ 0x8000);
            }

            KeepInRow(_gathered, _scratch);
            for (int i = 0; i < _rowLength; i++)
                slice[(i * _rowStride) + column] = _gathered[i];
        }
    }

    private void KeepInRow(Span<float> row, Span<byte> kept)
    {
        _ranks!.Decide(row, _u, kept);
        RowBits.Apply(kept, row);
    }
}
