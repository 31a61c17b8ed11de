namespace Merganser.Tokenizers;

/// <summary>
/// Turns matches and gaps, given in order, into pieces as a <see cref="SplitBehavior"/> says. One piece is held back because
/// the next entry may join it.
/// </summary>
internal struct PieceSink
{
    private readonly PreTokenizedText _text;
    private readonly SplitBehavior _behavior;
    private readonly bool _invert;
    private int _cursor; // end of what has been given
    private int _heldStart;
    private int _heldEnd;
    private bool _holds;
    private bool _lastIsMatch; // of the last entry

    /// <summary>Begins on a piece.</summary>
    /// <param name="text">Where the pieces go.</param>
    /// <param name="behavior">What becomes of matches.</param>
    /// <param name="invert">Swaps matches and gaps.</param>
    /// <param name="start">Where the piece begins in the bytes of the text.</param>
    public PieceSink(PreTokenizedText text, SplitBehavior behavior, bool invert, int start)
    {
        _text = text;
        _behavior = behavior;
        _invert = invert;
        _cursor = start;
    }

    /// <summary>A match; what lies between the last one and this is a gap.</summary>
    public void Match(int start, int end)
    {
        if (_cursor < start)
            Entry(_cursor, start, _invert);
        Entry(start, end, !_invert);
        _cursor = end;
    }

    /// <summary>Ends the piece: what is left is a gap.</summary>
    public void Finish(int end)
    {
        if (_cursor < end)
            Entry(_cursor, end, _invert);
        if (_holds)
            _text.Keep(_heldStart, _heldEnd);
        _holds = false;
    }

    private void Entry(int start, int end, bool isMatch)
    {
        switch (_behavior)
        {
            case SplitBehavior.Isolated:
                _text.Keep(start, end);
                return;
            case SplitBehavior.Removed:
                if (!isMatch)
                    _text.Keep(start, end);
                return;
            case SplitBehavior.Contiguous when _holds && _lastIsMatch == isMatch:
            case SplitBehavior.MergedWithPrevious when _holds && isMatch && !_lastIsMatch:
            case SplitBehavior.MergedWithNext when _holds && _lastIsMatch && !isMatch:
                _heldEnd = end;
                break;
            default:
                if (_holds)
                    _text.Keep(_heldStart, _heldEnd);
                _heldStart = start;
                _heldEnd = end;
                _holds = true;
                break;
        }

        _lastIsMatch = isMatch;
    }
}
