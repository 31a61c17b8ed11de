using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// Normalised text and the pieces that pre-tokenizers have cut it into. Reused from text to text. A pre-tokenizer works in
/// passes over all pieces: a split pass (<see cref="BeginSplit"/>, <see cref="Keep"/>, <see cref="EndSplit"/>) names the parts
/// that stay, a rewriting pass (<see cref="BeginRewrite"/>, <see cref="BeginPiece"/>, <see cref="EndPiece"/>,
/// <see cref="EndRewrite"/>) writes each piece anew.
/// </summary>
public sealed class PreTokenizedText
{
    private readonly AlignedText _first = new();
    private readonly AlignedText _second = new();
    private readonly TextEditor _editor = new();
    private AlignedText _current;
    private AlignedText _target;
    private int[] _starts = new int[64];
    private int[] _ends = new int[64];
    private int[] _nextStarts = new int[64];
    private int[] _nextEnds = new int[64];
    private int _nextCount;
    private int _pieceStart;

    /// <summary>Makes a text without pieces.</summary>
    public PreTokenizedText()
    {
        _current = _first;
        _target = _second;
    }

    /// <summary>The number of pieces.</summary>
    public int Count { get; private set; }

    /// <summary>Whether it is remembered where each byte came from.</summary>
    public bool TracksOffsets => _current.Tracks;

    /// <summary>The bytes that <see cref="Bounds"/> index; parts of it may belong to no piece.</summary>
    public ReadOnlySpan<byte> Bytes => _current.Bytes;

    /// <summary>Takes a normalised text as one piece. The text must not change while this is in use.</summary>
    public void Reset(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Reset(text, 0, text.Length);
    }

    /// <summary>Takes a part of a normalised text as one piece. The text must not change while this is in use.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">The first byte of the part.</param>
    /// <param name="end">The end of the part.</param>
    public void Reset(NormalizedText text, int start, int end)
    {
        ArgumentNullException.ThrowIfNull(text);
        if ((uint)end > (uint)text.Length || (uint)start > (uint)end)
            throw new ArgumentOutOfRangeException(nameof(start), $"the range {start} to {end} is outside the text of {text.Length} bytes");
        _current = text.Aligned;
        _nextCount = 0;
        Keep(start, end);
        EndSplit();
    }

    /// <summary>The bytes of a piece.</summary>
    public ReadOnlySpan<byte> Piece(int piece) => _current.Bytes[_starts[piece].._ends[piece]];

    /// <summary>Where a piece lies in <see cref="Bytes"/>.</summary>
    public (int Start, int End) Bounds(int piece) => (_starts[piece], _ends[piece]);

    /// <summary>The byte range of the original text for a byte range inside a piece, widened to whole characters.</summary>
    /// <param name="piece">The number of the piece.</param>
    /// <param name="start">The first byte inside the piece.</param>
    /// <param name="end">The end inside the piece.</param>
    public (int Start, int End) OriginalRange(int piece, int start, int end)
    {
        if ((uint)end > (uint)(_ends[piece] - _starts[piece]) || (uint)start > (uint)end)
            throw new ArgumentOutOfRangeException(nameof(start), $"the range {start} to {end} is outside the piece");
        return _current.OriginalRange(_starts[piece] + start, _starts[piece] + end);
    }

    /// <summary>
    /// Whether a piece begins where the original text begins (its first character came from there). Known only when offsets
    /// are tracked, or as long as no character was inserted, removed or replaced by one of another length.
    /// </summary>
    public bool StartsAtOriginalZero(int piece) => _starts[piece] < _ends[piece] && _current.StartAt(_starts[piece]) == 0;

    /// <summary>Begins a pass that cuts the pieces further.</summary>
    public void BeginSplit() => _nextCount = 0;

    /// <summary>Keeps a part of <see cref="Bytes"/> as a piece; parts are given in order, empty ones are dropped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Keep(int start, int end)
    {
        if (start >= end)
            return;
        int count = _nextCount;
        if ((uint)count >= (uint)_nextStarts.Length)
            Grow();
        _nextStarts[count] = start;
        _nextEnds[count] = end;
        _nextCount = count + 1;
    }

    /// <summary>Makes the parts kept since <see cref="BeginSplit"/> the pieces.</summary>
    public void EndSplit()
    {
        (_starts, _nextStarts) = (_nextStarts, _starts);
        (_ends, _nextEnds) = (_nextEnds, _ends);
        Count = _nextCount;
    }

    /// <summary>Begins a pass that writes all pieces anew.</summary>
    public void BeginRewrite()
    {
        _nextCount = 0;
        _target = ReferenceEquals(_current, _first) ? _second : _first;
        _target.Clear(_current.OriginalStart, _current.Tracks);
    }

    /// <summary>Begins to write a piece anew; <see cref="TextEditor.Copy"/> takes positions in <see cref="Bytes"/>.</summary>
    public TextEditor BeginPiece(int piece)
    {
        _pieceStart = _target.Length;
        _editor.Begin(_current, _starts[piece], _ends[piece], _target);
        return _editor;
    }

    /// <summary>Ends the piece begun last.</summary>
    public void EndPiece()
    {
        _editor.End();
        Keep(_pieceStart, _target.Length);
    }

    /// <summary>Makes what was written the text and its pieces.</summary>
    public void EndRewrite()
    {
        _current = _target;
        EndSplit();
    }

    /// <summary>The text that is being written and the one that is read, for pre-tokenizers that map byte by byte.</summary>
    internal (AlignedText Source, AlignedText Target) Texts => (_current, _target);

    private void Grow()
    {
        int length = checked(_nextStarts.Length * 2);
        Array.Resize(ref _nextStarts, length);
        Array.Resize(ref _nextEnds, length);
    }
}
