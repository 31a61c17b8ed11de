namespace Merganser.Tokenizers;

/// <summary>What text is searched for: a literal string or a regular expression.</summary>
/// <remarks>
/// Immutable and shared between threads. Regular expressions run on an own engine over code points of Unicode 16.0, with the
/// syntax and the meaning of Oniguruma, which the reference uses (<c>^</c> and <c>$</c> are the ends of a line): literals,
/// classes with ranges, negation, nesting, <c>&amp;&amp;</c> and <c>[:alpha:]</c>, <c>\p{..}</c> of categories, scripts and a few
/// properties, <c>\d \s \w \h</c> and their negations, groups, <c>(?i:..)</c> with simple case folding, alternation, greedy,
/// lazy and possessive quantifiers, atomic groups, look-ahead, bounded look-behind, <c>\A \z \Z \b \B</c>. Anything else is
/// refused by name. Time is linear in the length of the text for most patterns and guarded for all.
/// </remarks>
public sealed class SplitPattern
{
    private readonly byte[] _literal = [];
    private readonly Lazy<PatternProgram>? _program;
    private readonly SplitScanner? _scanner;
    private readonly IdlePool<ScanWindow>? _windows;

    private SplitPattern(string text, bool isRegex)
    {
        Text = text;
        IsRegex = isRegex;
        if (!isRegex)
        {
            _literal = System.Text.Encoding.UTF8.GetBytes(text);
            return;
        }

        _scanner = SplitScanner.TryCreate(text);
        if (_scanner is not null)
            _windows = new IdlePool<ScanWindow>(() => new ScanWindow());
        _program = new Lazy<PatternProgram>(() => PatternCompiler.Compile(text));
        // A known pattern is right; it is compiled only if something asks for more than its scanner does.
        if (_scanner is null)
            _ = _program.Value;
    }

    /// <summary>The string or the regular expression.</summary>
    public string Text { get; }

    /// <summary>Whether <see cref="Text"/> is a regular expression.</summary>
    public bool IsRegex { get; }

    /// <summary>A pattern that matches a string as it is; the empty string matches nowhere.</summary>
    public static SplitPattern Literal(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new SplitPattern(text, false);
    }

    /// <summary>A regular expression.</summary>
    /// <exception cref="MerganserException">The expression uses something that is not supported or is too large.</exception>
    public static SplitPattern Regex(string expression)
    {
        ArgumentNullException.ThrowIfNull(expression);
        return new SplitPattern(expression, true);
    }

    /// <summary>The compiled expression; null for a literal.</summary>
    internal PatternProgram? Program => _program?.Value;

    /// <summary>Borrows what searching needs: null for a literal. Give it back with <see cref="Return"/>.</summary>
    internal PatternMatcher? Rent() => Program?.Matchers.Rent();

    /// <summary>Gives back what was borrowed.</summary>
    internal void Return(PatternMatcher? matcher)
    {
        if (matcher is not null)
            Program!.Matchers.Return(matcher);
    }

    /// <summary>Begins to look for the matches in a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="matcher">What <see cref="Rent"/> gave.</param>
    internal PatternSearch Search(ReadOnlySpan<byte> text, PatternMatcher? matcher) => new(text, _literal, matcher);

    /// <summary>Cuts all pieces of a text at the matches.</summary>
    internal void Split(PreTokenizedText text, SplitBehavior behavior, bool invert)
    {
        text.BeginSplit();
        // A known pattern matches all of a text, so that matches are the pieces.
        if (_scanner is not null && (behavior == SplitBehavior.Isolated || (behavior == SplitBehavior.Removed && invert)))
        {
            Scan(text, _scanner);
            text.EndSplit();
            return;
        }

        PatternMatcher? matcher = Rent();
        for (int piece = 0; piece < text.Count; piece++)
        {
            (int start, int end) = text.Bounds(piece);
            var sink = new PieceSink(text, behavior, invert, start);
            PatternSearch search = Search(text.Bytes[start..end], matcher);
            while (search.MoveNext())
                sink.Match(start + search.Start, start + search.End);
            sink.Finish(end);
        }

        Return(matcher);
        text.EndSplit();
    }

    private void Scan(PreTokenizedText text, SplitScanner scanner)
    {
        ScanWindow window = _windows!.Rent();
        for (int piece = 0; piece < text.Count; piece++)
        {
            (int start, int end) = text.Bounds(piece);
            ReadOnlySpan<byte> bytes = text.Bytes[start..end];
            for (int from = 0; from < bytes.Length;)
            {
                int next = scanner.Next(bytes, from, window);
                int last = from;
                for (int i = 0; i < window.Count; i++)
                {
                    text.Keep(start + last, start + from + window.Ends[i]);
                    last = from + window.Ends[i];
                }

                from = next;
            }
        }

        _windows.Return(window);
    }
}
