using System.Text;

namespace Merganser.Tokenizers;

internal sealed partial class PatternParser
{
    private PatternNode ParseEscape()
    {
        switch (_at + 1 < _pattern.Length ? _pattern[_at + 1] : End)
        {
            case End:
                throw Error("a backslash at the end");
            case 'A':
                return Anchor(PatternAnchor.TextStart);
            case 'z':
                return Anchor(PatternAnchor.TextEnd);
            case 'Z':
                return Anchor(PatternAnchor.TextEndOrLastLineFeed);
            case 'b':
                return Anchor(PatternAnchor.WordBoundary);
            case 'B':
                return Anchor(PatternAnchor.NoWordBoundary);
            default:
                return new SetNode(ParseClassEscape(out int single) ?? Single(single));
        }
    }

    private AnchorNode Anchor(PatternAnchor anchor)
    {
        _at += 2;
        return new AnchorNode(anchor);
    }

    /// <summary>Reads an escape that stands for a set, or for one code point (then the result is null).</summary>
    private CodePointSet? ParseClassEscape(out int single)
    {
        _at++; // the backslash
        int c = Current;
        if (c == End)
            throw Error("a backslash at the end");
        _at++;
        single = c;
        switch (c)
        {
            case 'd':
                return PatternProperties.Digit;
            case 'D':
                return PatternProperties.Digit.Negate();
            case 's':
                return PatternProperties.WhiteSpace;
            case 'S':
                return PatternProperties.WhiteSpace.Negate();
            case 'w':
                return PatternProperties.Word;
            case 'W':
                return PatternProperties.Word.Negate();
            case 'h':
                return PatternProperties.HexDigit;
            case 'H':
                return PatternProperties.HexDigit.Negate();
            case 'p' or 'P':
                return ParseProperty(c == 'P');
            case 'n':
                single = '\n';
                return null;
            case 'r':
                single = '\r';
                return null;
            case 't':
                single = '\t';
                return null;
            case 'f':
                single = '\f';
                return null;
            case 'v':
                single = '\v';
                return null;
            case 'a':
                single = '\a';
                return null;
            case 'e':
                single = 0x1B;
                return null;
            case 'x':
                single = Accept('{') ? ParseHex(1, 8, '}') : ParseHex(1, 2, End);
                return null;
            case 'u':
                single = ParseHex(4, 4, End);
                return null;
            case '0':
                if (Current is >= '0' and <= '7')
                    throw Unsupported("an octal escape");
                single = 0;
                return null;
            case >= '1' and <= '9':
                throw Unsupported($"the back-reference '\\{(char)c}'");
            case >= 'a' and <= 'z' or >= 'A' and <= 'Z':
                throw Unsupported($"the escape '\\{(char)c}'");
            default:
                return null;
        }
    }

    private int ParseHex(int least, int most, int close)
    {
        long value = 0;
        int count = 0;
        while (count < most && Current is >= 0 and < 0x80 && char.IsAsciiHexDigit((char)Current))
        {
            value = (value * 16) + Convert.ToInt32(((char)_pattern[_at++]).ToString(), 16);
            count++;
        }

        if (count < least || (close != End && !Accept(close)))
            throw Error("a hexadecimal escape is incomplete");
        return Rune.IsValid((int)Math.Min(value, int.MaxValue)) ? (int)value : throw Error($"U+{value:X} is no character");
    }

    private CodePointSet ParseProperty(bool isNegated)
    {
        string name;
        if (Accept('{'))
        {
            if (Accept('^'))
                isNegated = !isNegated;
            var text = new StringBuilder();
            while (Current is not (End or '}') && text.Length < 64)
                text.Append(new Rune(_pattern[_at++]));
            Expect('}');
            name = text.ToString();
        }
        else if (Current is 'L' or 'M' or 'N' or 'P' or 'S' or 'Z' or 'C')
        {
            name = ((char)_pattern[_at++]).ToString();
        }
        else
        {
            throw Error("\\p needs a name in braces");
        }

        if (!_properties.TryGetValue(name, out CodePointSet? set))
            _properties.Add(name, set = PatternProperties.Find(name) ?? throw Unsupported($"the property '\\p{{{name}}}'"));
        return isNegated ? set.Negate() : set;
    }

    /// <summary>Reads <c>[...]</c>; the case is closed over before a negation, as the reference does.</summary>
    private CodePointSet ParseClass()
    {
        if (++_depth > MaxDepth)
            throw Error($"classes are nested more than {MaxDepth} deep");
        _at++;
        bool isNegated = Accept('^');
        CodePointSet? intersection = null;
        var parts = new List<CodePointSet>();
        bool isFirst = true;
        while (true)
        {
            int c = Current;
            if (c == End)
                throw Error("']' is missing");
            if (c == ']' && !isFirst)
                break;
            isFirst = false;
            if (Accept("&&"))
            {
                CodePointSet left = CodePointSet.Union(parts);
                intersection = intersection is null ? left : intersection.Intersect(left);
                parts.Clear();
                continue;
            }

            if (c == '[')
                parts.Add(TryParsePosix() ?? ParseClass());
            else
                ParseClassItem(parts);
        }

        _at++;
        _depth--;
        CodePointSet set = CodePointSet.Union(parts);
        if (intersection is not null)
            set = intersection.Intersect(set);
        if (_ignoresCase)
            set = set.CloseOverCase();
        return isNegated ? set.Negate() : set;
    }

    private void ParseClassItem(List<CodePointSet> parts)
    {
        CodePointSet? set = ParseClassCharacter(out int first);
        if (set is not null)
        {
            parts.Add(set);
            return;
        }

        // A minus before the closing bracket, a class or a nested set is a character.
        int last = first;
        if (Current == '-' && _at + 1 < _pattern.Length && _pattern[_at + 1] is not (']' or '['))
        {
            int minus = _at++;
            CodePointSet? after = ParseClassCharacter(out last);
            if (after is not null)
            {
                _at = minus;
                last = first;
            }
        }

        if (last < first)
            throw Error("a range in a class has its ends swapped");
        parts.Add(CodePointSet.Range(first, last));
    }

    private CodePointSet? ParseClassCharacter(out int single)
    {
        if (Current == '\\')
        {
            if (_at + 1 < _pattern.Length && _pattern[_at + 1] == 'b')
            {
                _at += 2;
                single = '\b';
                return null;
            }

            return ParseClassEscape(out single);
        }

        single = _pattern[_at++];
        return null;
    }

    private CodePointSet? TryParsePosix()
    {
        int start = _at;
        if (!Accept("[:"))
            return null;
        bool isNegated = Accept('^');
        var name = new StringBuilder();
        while (Current is >= 'a' and <= 'z' && name.Length < 16)
            name.Append((char)_pattern[_at++]);
        if (!Accept(":]"))
        {
            _at = start;
            return null;
        }

        CodePointSet set = PatternProperties.FindPosix(name.ToString()) ?? throw Unsupported($"the class '[:{name}:]'");
        return isNegated ? set.Negate() : set;
    }
}
