using System.Text;

namespace Merganser.Tokenizers;

internal sealed partial class PatternParser
{
    private PatternNode ParseGroup()
    {
        _at++;
        if (!Accept('?'))
        {
            if (Current == '*')
                throw Unsupported("the verb '(*…)'");
            return CloseGroup(ParseAlternation());
        }

        if (Accept(':'))
            return CloseGroup(ParseAlternation());
        if (Accept('='))
            return CloseGroup(new LookNode(ParseAlternation(), false, false));
        if (Accept('!'))
            return CloseGroup(new LookNode(ParseAlternation(), false, true));
        if (Accept("<="))
            return CloseGroup(new LookNode(ParseAlternation(), true, false));
        if (Accept("<!"))
            return CloseGroup(new LookNode(ParseAlternation(), true, true));
        if (Accept('>'))
            return CloseGroup(new AtomicNode(ParseAlternation()));
        if (Accept('#'))
        {
            while (Current is not (End or ')'))
                _at++;
            return CloseGroup(new EmptyNode());
        }

        if (Current is '<' or '\'' or 'P')
        {
            ParseGroupName();
            return CloseGroup(ParseAlternation());
        }

        return ParseOptions();
    }

    private PatternNode CloseGroup(PatternNode node)
    {
        Expect(')');
        return node;
    }

    private void ParseGroupName()
    {
        if (Accept('P') && Current != '<')
            throw Unsupported("the group '(?P…'");
        int close = _pattern[_at++] == '<' ? '>' : '\'';
        int start = _at;
        while (Current is not End && Current != close)
            _at++;
        if (_at == start)
            throw Error("a group without a name");
        Expect(close);
    }

    // (?i-m:...) or (?i) up to the end of the group.
    private PatternNode ParseOptions()
    {
        (bool ignoresCase, bool dot) = (_ignoresCase, _dotMatchesLineFeed);
        bool sets = true;
        for (; Current is not (':' or ')'); _at++)
        {
            switch (Current)
            {
                case '-':
                    sets = false;
                    break;
                case 'i':
                    ignoresCase = sets;
                    break;
                case 'm' or 's':
                    dot = sets;
                    break;
                case End:
                    throw Error("')' is missing");
                default:
                    throw Unsupported($"the group option '(?{new Rune(Current)}'");
            }
        }

        bool isScoped = _pattern[_at++] == ':';
        (bool oldCase, bool oldDot) = (_ignoresCase, _dotMatchesLineFeed);
        (_ignoresCase, _dotMatchesLineFeed) = (ignoresCase, dot);
        // Without a colon the rest of the group belongs to the options, alternatives included: a(?i)b|c is a(?i:b|c).
        PatternNode node = ParseAlternation();
        (_ignoresCase, _dotMatchesLineFeed) = (oldCase, oldDot);
        return isScoped ? CloseGroup(node) : node;
    }
}
