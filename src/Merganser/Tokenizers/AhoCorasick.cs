using System.Buffers;

namespace Merganser.Tokenizers;

/// <summary>
/// Finds the patterns of a fixed set in bytes, leftmost first and of those the longest (Aho and Corasick 1975). Where no
/// pattern can begin, a vectorised search for the first bytes skips ahead. Immutable.
/// </summary>
internal sealed class AhoCorasick
{
    private const int Root = 0;

    private readonly SearchValues<byte> _firstBytes;
    private readonly int[] _rootNext = new int[256]; // 0: none
    private readonly int[] _childStarts; // by state, into the next two; one more at the end
    private readonly byte[] _labels; // ascending inside a state
    private readonly int[] _children;
    private readonly int[] _failures;
    private readonly int[] _depths;
    private readonly int[] _matches; // the longest pattern that ends here: itself or of a suffix; -1: none
    private readonly int[] _patternLengths;

    /// <summary>Makes the automaton.</summary>
    /// <param name="patterns">None may be empty; of equal ones the first counts.</param>
    public AhoCorasick(IReadOnlyList<byte[]> patterns)
    {
        var nodes = new List<SortedList<byte, int>> { new() };
        List<int> depths = [0];
        List<int> ends = [-1];
        _patternLengths = new int[patterns.Count];
        for (int i = 0; i < patterns.Count; i++)
        {
            byte[] pattern = patterns[i];
            if (pattern.Length == 0)
                throw new ArgumentException("a pattern is empty", nameof(patterns));
            _patternLengths[i] = pattern.Length;
            int state = Root;
            foreach (byte label in pattern)
            {
                if (!nodes[state].TryGetValue(label, out int next))
                {
                    next = nodes.Count;
                    nodes[state].Add(label, next);
                    nodes.Add(new SortedList<byte, int>(1));
                    depths.Add(depths[state] + 1);
                    ends.Add(-1);
                }

                state = next;
            }

            if (ends[state] < 0)
                ends[state] = i;
        }

        _depths = [.. depths];
        _matches = [.. ends];
        _failures = new int[nodes.Count];
        _childStarts = new int[nodes.Count + 1];
        _labels = new byte[nodes.Count - 1];
        _children = new int[nodes.Count - 1];
        int used = 0;
        for (int state = 0; state < nodes.Count; state++)
        {
            _childStarts[state] = used;
            foreach ((byte label, int child) in nodes[state])
            {
                _labels[used] = label;
                _children[used++] = child;
            }
        }

        _childStarts[nodes.Count] = used;
        foreach ((byte label, int child) in nodes[Root])
            _rootNext[label] = child;
        _firstBytes = SearchValues.Create([.. nodes[Root].Keys]);
        Link();
    }

    /// <summary>The number of bytes of a pattern.</summary>
    public int Length(int pattern) => _patternLengths[pattern];

    /// <summary>The first match at or after a position: leftmost, then longest.</summary>
    /// <param name="text">The text.</param>
    /// <param name="from">Where to begin.</param>
    /// <param name="start">Where the match begins.</param>
    /// <param name="pattern">Which pattern matches.</param>
    public bool TryFind(ReadOnlySpan<byte> text, int from, out int start, out int pattern)
    {
        start = -1;
        pattern = -1;
        int state = Root;
        int at = from;
        while (true)
        {
            if (state == Root)
            {
                if (pattern >= 0)
                    return true;
                int skip = text[at..].IndexOfAny(_firstBytes);
                if (skip < 0)
                    return false;
                at += skip;
            }

            if (at >= text.Length)
                return pattern >= 0;
            state = Step(state, text[at++]);
            // Whatever begins later than the best match so far cannot beat it.
            if (pattern >= 0 && at - _depths[state] > start)
                return true;
            int match = _matches[state];
            if (match < 0)
                continue;
            int matchStart = at - _patternLengths[match];
            if (pattern < 0 || matchStart < start || (matchStart == start && _patternLengths[match] > _patternLengths[pattern]))
            {
                start = matchStart;
                pattern = match;
            }
        }
    }

    private int Step(int state, byte label)
    {
        while (state != Root)
        {
            int next = Child(state, label);
            if (next > 0)
                return next;
            state = _failures[state];
        }

        return _rootNext[label];
    }

    private int Child(int state, byte label)
    {
        int from = _childStarts[state];
        int at = _labels.AsSpan(from, _childStarts[state + 1] - from).IndexOf(label);
        return at < 0 ? -1 : _children[from + at];
    }

    /// <summary>Failure links by breadth, and the matches that end inside longer prefixes.</summary>
    private void Link()
    {
        var queue = new Queue<int>();
        queue.Enqueue(Root);
        while (queue.TryDequeue(out int state))
        {
            for (int i = _childStarts[state]; i < _childStarts[state + 1]; i++)
            {
                int child = _children[i];
                _failures[child] = state == Root ? Root : Step(_failures[state], _labels[i]);
                if (_matches[child] < 0)
                    _matches[child] = _matches[_failures[child]];
                queue.Enqueue(child);
            }
        }
    }
}
