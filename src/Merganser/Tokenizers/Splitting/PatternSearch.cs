namespace Merganser.Tokenizers;

/// <summary>
/// The matches of a pattern in a text, from left to right. An empty match right after another match does not count; after an
/// empty match the search goes on at the same place for a longer one further on.
/// </summary>
internal ref struct PatternSearch
{
    private readonly ReadOnlySpan<byte> _text;
    private readonly ReadOnlySpan<byte> _literal;
    private readonly PatternMatcher? _matcher;
    private int _next;
    private int _lastEnd;

    /// <summary>Begins to search.</summary>
    /// <param name="text">The text.</param>
    /// <param name="literal">What is looked for if there is no matcher.</param>
    /// <param name="matcher">The matcher of a regular expression, which serves no other search meanwhile.</param>
    public PatternSearch(ReadOnlySpan<byte> text, byte[] literal, PatternMatcher? matcher)
    {
        _text = text;
        _literal = literal;
        _matcher = matcher;
        _lastEnd = -1;
        matcher?.Begin(text.Length);
    }

    /// <summary>The first byte of the match.</summary>
    public int Start { get; private set; }

    /// <summary>The end of the match.</summary>
    public int End { get; private set; }

    /// <summary>Goes to the next match.</summary>
    public bool MoveNext()
    {
        if (_matcher is null)
            return MoveToLiteral();
        while (_next <= _text.Length)
        {
            if (!_matcher.Find(_text, _next, out int start, out int end))
                break;
            if (start == end)
            {
                // The next search begins behind the character, but only a match that is not empty may begin at it.
                if (end == _lastEnd)
                {
                    _next = end < _text.Length ? end + Utf8.LengthAt(_text, end, _text.Length) : end + 1;
                    continue;
                }
            }

            Start = start;
            End = end;
            _lastEnd = end;
            _next = end;
            return true;
        }

        _next = _text.Length + 1;
        return false;
    }

    private bool MoveToLiteral()
    {
        if (_literal.IsEmpty || _next > _text.Length)
            return false;
        int found = _text[_next..].IndexOf(_literal);
        if (found < 0)
        {
            _next = _text.Length + 1;
            return false;
        }

        Start = _next + found;
        End = Start + _literal.Length;
        _next = End;
        return true;
    }
}
