using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// Where encoders put tokens: ids and, when asked for, the byte range of each. One buffer belongs to one thread and is
/// reused, so that encoding allocates nothing per token.
/// </summary>
public sealed class TokenBuffer
{
    private int[] _ids = new int[256];
    private int[] _starts = [];
    private int[] _ends = [];

    /// <summary>Makes an empty buffer.</summary>
    /// <param name="tracksOffsets">Whether byte ranges are kept beside the ids.</param>
    public TokenBuffer(bool tracksOffsets = false)
    {
        TracksOffsets = tracksOffsets;
        if (tracksOffsets)
        {
            _starts = new int[_ids.Length];
            _ends = new int[_ids.Length];
        }
    }

    /// <summary>Whether byte ranges are kept.</summary>
    public bool TracksOffsets { get; }

    /// <summary>The number of tokens.</summary>
    public int Count { get; internal set; }

    /// <summary>The ids.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    /// <summary>The first byte of each token; empty unless ranges are kept.</summary>
    public ReadOnlySpan<int> Starts => TracksOffsets ? _starts.AsSpan(0, Count) : [];

    /// <summary>The end (exclusive) of each token in bytes; empty unless ranges are kept.</summary>
    public ReadOnlySpan<int> Ends => TracksOffsets ? _ends.AsSpan(0, Count) : [];

    /// <summary>Where the number of tokens after each pretoken is written, when somebody asks for that.</summary>
    internal List<int>? PretokenEnds { get; set; }

    /// <summary>The ids with the room behind them, for encoders that write several at once; see <see cref="Reserve"/>.</summary>
    internal int[] IdRoom => _ids;

    /// <summary>The starts with the room behind them.</summary>
    internal int[] StartRoom => _starts;

    /// <summary>The ends with the room behind them.</summary>
    internal int[] EndRoom => _ends;

    /// <summary>The ids for those that reorder them.</summary>
    internal Span<int> MutableIds => _ids.AsSpan(0, Count);

    /// <summary>The starts for those that move ranges from a pretoken to the text.</summary>
    internal Span<int> MutableStarts => TracksOffsets ? _starts.AsSpan(0, Count) : [];

    /// <summary>The ends for those that move ranges from a pretoken to the text.</summary>
    internal Span<int> MutableEnds => TracksOffsets ? _ends.AsSpan(0, Count) : [];

    /// <summary>Adds a token; the range is dropped unless ranges are kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int id, int start, int end)
    {
        int count = Count;
        if ((uint)count >= (uint)_ids.Length)
            Grow(count + 1);
        _ids[count] = id;
        if (TracksOffsets)
        {
            _starts[count] = start;
            _ends[count] = end;
        }

        Count = count + 1;
    }

    /// <summary>Adds ids whose ranges nobody asked for.</summary>
    /// <exception cref="InvalidOperationException">The buffer keeps ranges.</exception>
    public void AddRange(ReadOnlySpan<int> ids)
    {
        if (TracksOffsets)
            throw new InvalidOperationException("a buffer with offsets needs the range of each token");
        if (Count + ids.Length > _ids.Length)
            Grow(Count + ids.Length);
        ids.CopyTo(_ids.AsSpan(Count));
        Count += ids.Length;
    }

    /// <summary>Makes room for more tokens; arrays taken before are no longer those of the buffer.</summary>
    internal void Reserve(int more)
    {
        if (_ids.Length - Count < more)
            Grow(checked(Count + more));
    }

    /// <summary>Forgets all tokens; the memory is kept.</summary>
    public void Clear() => Count = 0;

    /// <summary>Forgets the tokens from a position on.</summary>
    public void Truncate(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        Count = Math.Min(Count, count);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int wanted)
    {
        int length = (int)Math.Min(Array.MaxLength, Math.Max(wanted, 2L * _ids.Length));
        Array.Resize(ref _ids, length);
        if (TracksOffsets)
        {
            Array.Resize(ref _starts, length);
            Array.Resize(ref _ends, length);
        }
    }
}
