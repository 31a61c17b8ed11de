using System.Text;

namespace Merganser.Tokenizers;

/// <summary>Reads a regular expression in the syntax of Oniguruma; what it does not know it refuses by name.</summary>
internal sealed partial class PatternParser
{
    public const int MaxRepeat = 1000;
    private const int MaxLength = 20_000;
    private const int MaxDepth = 200;
    private const int MaxStacked = 4;
    private const int End = -1;

    private readonly int[] _pattern;
    private readonly Dictionary<(int Character, bool IgnoresCase), CodePointSet> _sets = [];
    private readonly Dictionary<string, CodePointSet> _properties = [];
    private int _at;
    private int _depth;
    private bool _ignoresCase;
    private bool _dotMatchesLineFeed;

    private PatternParser(string pattern)
    {
        if (pattern.Length > MaxLength)
            throw new MerganserException($"a split pattern of {pattern.Length} characters is too long (at most {MaxLength})");
        var codePoints = new List<int>(pattern.Length);
        foreach (Rune rune in pattern.EnumerateRunes())
            codePoints.Add(rune.Value);
        _pattern = [.. codePoints];
    }

    private int Current => _at < _pattern.Length ? _pattern[_at] : End;

    /// <exception cref="MerganserException">The expression is wrong, too large, or uses something not supported.</exception>
    public static PatternNode Parse(string pattern)
    {
        var parser = new PatternParser(pattern);
        PatternNode node = parser.ParseAlternation();
        return parser.Current == End ? node : throw parser.Error("')' without '('");
    }

    private MerganserException Error(string what)
    {
        var pattern = new StringBuilder();
        for (int i = Math.Max(0, _at - 20); i < Math.Min(_pattern.Length, _at + 20); i++)
            pattern.Append(Rune.IsValid(_pattern[i]) && !Rune.IsControl(new Rune(_pattern[i])) ? new Rune(_pattern[i]).ToString() : "?");
        return new MerganserException($"split pattern, at character {_at} (near '{pattern}'): {what}");
    }

    private MerganserException Unsupported(string construct) => Error($"{construct} is not supported; rewrite the pattern without it");

    private bool Accept(int c)
    {
        if (Current != c)
            return false;
        _at++;
        return true;
    }

    private bool Accept(string text)
    {
        if (_at + text.Length > _pattern.Length)
            return false;
        for (int i = 0; i < text.Length; i++)
        {
            if (_pattern[_at + i] != text[i])
                return false;
        }

        _at += text.Length;
        return true;
    }

    private void Expect(int c)
    {
        if (!Accept(c))
            throw Error($"'{(char)c}' is missing");
    }

    private PatternNode ParseAlternation()
    {
        if (++_depth > MaxDepth)
            throw Error($"groups are nested more than {MaxDepth} deep");
        var choices = new List<PatternNode> { ParseConcat() };
        while (Accept('|'))
            choices.Add(ParseConcat());
        _depth--;
        return choices.Count == 1 ? choices[0] : new AlternateNode(choices);
    }

    private PatternNode ParseConcat()
    {
        var parts = new List<PatternNode>();
        while (Current is not (End or '|' or ')'))
        {
            PatternNode atom = ParseAtom();
            parts.Add(ParseQuantifiers(atom));
        }

        return parts.Count switch { 0 => new EmptyNode(), 1 => parts[0], _ => new ConcatNode(parts) };
    }

    private PatternNode ParseQuantifiers(PatternNode atom)
    {
        int stacked = 0;
        while (true)
        {
            (int min, int max) = (0, -1);
            bool isBraces = false;
            if (Accept('*'))
            {
            }
            else if (Accept('+'))
            {
                min = 1;
            }
            else if (Accept('?'))
            {
                max = 1;
            }
            else if (Current == '{' && TryParseBraces(out min, out max))
            {
                isBraces = true;
            }
            else
            {
                return atom;
            }

            if (atom is LookNode or AnchorNode)
                throw Unsupported("a quantifier after an anchor or a look-around");
            if (++stacked > MaxStacked)
                throw Error("too many quantifiers in a row");
            // In the reference's syntax {n}? makes the repetition optional and {n,m}+ repeats it: neither is lazy or possessive.
            bool isFixed = isBraces && min == max;
            RepeatKind kind = !isFixed && Accept('?') ? RepeatKind.Lazy : RepeatKind.Greedy;
            if (kind == RepeatKind.Greedy && !isBraces && Accept('+'))
                kind = RepeatKind.Possessive;
            atom = new RepeatNode(atom, min, max, kind);
        }
    }

    // A brace that begins no repetition is a character.
    private bool TryParseBraces(out int min, out int max)
    {
        int start = _at++;
        bool hasMin = TryParseNumber(out min);
        max = min;
        if (Accept(','))
        {
            if (!TryParseNumber(out max))
                max = hasMin ? -1 : -2;
        }
        else if (!hasMin)
        {
            max = -2;
        }

        if (max == -2 || !Accept('}'))
        {
            _at = start;
            return false;
        }

        if (max >= 0 && max < min)
            throw Error($"the repetition {{{min},{max}}} has its ends swapped");
        return true;
    }

    private bool TryParseNumber(out int value)
    {
        value = 0;
        int start = _at;
        while (Current is >= '0' and <= '9')
        {
            value = (value * 10) + (_pattern[_at++] - '0');
            if (value > MaxRepeat)
                throw Error($"a repetition of more than {MaxRepeat} times");
        }

        return _at > start;
    }

    private PatternNode ParseAtom()
    {
        int c = _pattern[_at];
        switch (c)
        {
            case '(':
                return ParseGroup();
            case '[':
                return new SetNode(ParseClass());
            case '\\':
                return ParseEscape();
            case '.':
                _at++;
                return new SetNode(_dotMatchesLineFeed ? CodePointSet.All : CodePointSet.Range('\n', '\n').Negate());
            case '^':
                _at++;
                return new AnchorNode(PatternAnchor.LineStart);
            case '$':
                _at++;
                return new AnchorNode(PatternAnchor.LineEnd);
            case '*' or '+' or '?':
                throw Error($"'{(char)c}' has nothing to repeat");
            default:
                _at++;
                return new SetNode(Single(c));
        }
    }

    private CodePointSet Single(int c)
    {
        if (_sets.TryGetValue((c, _ignoresCase), out CodePointSet? set))
            return set;
        set = CodePointSet.Range(c, c);
        if (_ignoresCase)
            set = set.CloseOverCase();
        _sets.Add((c, _ignoresCase), set);
        return set;
    }
}
