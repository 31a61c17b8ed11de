namespace Merganser.Tokenizers;

/// <summary>
/// A piece of text on its way through the normalizers: its bytes now and, when asked for, the range of the original text
/// that each byte came from. Reused from text to text.
/// </summary>
public sealed class NormalizedText
{
    private readonly TextEditor _editor = new();
    private AlignedText _current = new();
    private AlignedText _next = new();
    private SegmentBuffer? _segment;
    private bool _isEditing;

    /// <summary>The bytes of the text as it is now.</summary>
    public ReadOnlySpan<byte> Bytes => _current.Bytes;

    /// <summary>The number of bytes now.</summary>
    public int Length => _current.Length;

    /// <summary>Whether it is remembered where each byte came from.</summary>
    public bool TracksOffsets => _current.Tracks;

    /// <summary>Where the piece begins in the original text, in bytes.</summary>
    public int OriginalStart => _current.OriginalStart;

    internal AlignedText Aligned => _current;

    /// <summary>What an edit under way writes to, for those that map byte by byte.</summary>
    internal AlignedText Target => _next;

    /// <summary>Room for normal forms.</summary>
    internal SegmentBuffer Segment => _segment ??= new SegmentBuffer();

    /// <summary>For changes that keep every character where and as long as it is.</summary>
    internal Span<byte> MutableBytes => _current.MutableBytes;

    /// <summary>Starts on a new piece of text.</summary>
    /// <param name="utf8">The text; it is copied. Bytes that are no UTF-8 pass through.</param>
    /// <param name="originalStart">Where the piece begins in the original text, in bytes.</param>
    /// <param name="tracksOffsets">Whether to remember where each byte came from.</param>
    public void Reset(ReadOnlySpan<byte> utf8, int originalStart, bool tracksOffsets)
    {
        _isEditing = false;
        _current.Load(utf8, originalStart, tracksOffsets);
    }

    /// <summary>
    /// The byte range of the original text for a byte range of the text now. A range inside a character reports the whole
    /// character. Meaningful only when offsets are tracked or nothing was changed.
    /// </summary>
    public (int Start, int End) OriginalRange(int start, int end) => _current.OriginalRange(start, end);

    /// <summary>
    /// Begins to write the next state of the text. <see cref="Bytes"/> stays what it was until <see cref="EndEdit"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">An edit is under way.</exception>
    public TextEditor BeginEdit()
    {
        if (_isEditing)
            throw new InvalidOperationException("the last edit has not been ended");
        _isEditing = true;
        _next.Clear(_current.OriginalStart, _current.Tracks);
        _editor.Begin(_current, 0, _current.Length, _next);
        return _editor;
    }

    /// <summary>Makes what was written since <see cref="BeginEdit"/> the text.</summary>
    /// <exception cref="InvalidOperationException">No edit is under way.</exception>
    public void EndEdit()
    {
        if (!_isEditing)
            throw new InvalidOperationException("no edit has been begun");
        _isEditing = false;
        _editor.End();
        (_current, _next) = (_next, _current);
    }
}
