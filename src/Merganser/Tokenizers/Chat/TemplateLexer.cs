namespace Merganser.Tokenizers.Chat;

/// <summary>What a template consists of: text, <c>{{ output }}</c> and <c>{% statement %}</c>; comments are gone.</summary>
internal enum TemplatePartKind
{
    Text,
    Output,
    Statement,
}

/// <summary>One part with its words; <see cref="Offset"/> is where it begins, for messages.</summary>
internal sealed record TemplatePart(TemplatePartKind Kind, string Text, IReadOnlyList<TemplateToken> Tokens, int Offset);

/// <summary>The kinds of words inside a tag.</summary>
internal enum TemplateTokenKind
{
    Name,
    Text,
    Whole,
    Decimal,
    Sign,
    End,
}

/// <summary>One word inside a tag.</summary>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Text, int Offset);

/// <summary>
/// Cuts a template into parts the way the published templates expect: the first line break after a statement goes away, and so does
/// white space between the start of a line and a statement (<c>trim_blocks</c>, <c>lstrip_blocks</c>); <c>-</c> takes all white space
/// on its side, <c>+</c> keeps it.
/// </summary>
internal static class TemplateLexer
{
    private static readonly string[] Signs = ["==", "!=", "<=", ">=", "//", "**", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|"];

    public static List<TemplatePart> Cut(string template)
    {
        template = template.ReplaceLineEndings("\n");
        if (template.EndsWith('\n'))
            template = template[..^1];
        var parts = new List<TemplatePart>();
        int position = 0;
        bool dropBreak = false, dropSpace = false;
        while (position < template.Length)
        {
            int open = NextTag(template, position);
            string text = template[position..(open < 0 ? template.Length : open)];
            bool startsLine = position == 0 || template[position - 1] == '\n';
            if (dropSpace)
                text = text.TrimStart();
            else if (dropBreak && text.StartsWith('\n'))
                (text, startsLine) = (text[1..], true);
            (dropSpace, dropBreak) = (false, false);
            if (open < 0)
            {
                Add(parts, text, position);
                break;
            }

            char kind = template[open + 1];
            char mark = open + 2 < template.Length ? template[open + 2] : ' ';
            string close = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
            int start = open + 2 + (mark is '-' or '+' ? 1 : 0);
            if (mark == '-')
                text = text.TrimEnd();
            else if (mark != '+' && kind != '{')
                text = TrimIndentation(text, startsLine);
            Add(parts, text, position);

            List<TemplateToken> tokens = [];
            int end;
            if (kind == '#')
            {
                end = template.IndexOf(close, start, StringComparison.Ordinal);
                if (end < 0)
                    throw new TemplateException("a comment is not closed", open);
            }
            else
            {
                end = ReadTokens(template, start, close, tokens);
            }

            bool minus = end > start && template[end - 1] == '-', plus = end > start && template[end - 1] == '+';
            if (kind != '#')
                (minus, plus) = (template[end] == '-', template[end] == '+');
            position = kind == '#' ? end + 2 : end + (minus || plus ? 3 : 2);
            dropSpace = minus;
            dropBreak = !plus && kind != '{';
            if (kind == '{')
                parts.Add(new TemplatePart(TemplatePartKind.Output, "", tokens, open));
            else if (kind == '%' && tokens is [{ Text: "raw" }, _])
                position = Raw(template, position, parts, ref dropBreak, ref dropSpace);
            else if (kind == '%')
                parts.Add(new TemplatePart(TemplatePartKind.Statement, "", tokens, open));
        }

        return parts;
    }

    private static int Raw(string template, int position, List<TemplatePart> parts, ref bool dropBreak, ref bool dropSpace)
    {
        int open = template.IndexOf("{%", position, StringComparison.Ordinal);
        for (; open >= 0; open = template.IndexOf("{%", open + 2, StringComparison.Ordinal))
        {
            int end = template.IndexOf("%}", open, StringComparison.Ordinal);
            if (end < 0 || template[(open + 2)..end].Trim('-', '+', ' ', '\n', '\t') != "endraw")
                continue;
            string text = template[position..open];
            if (dropSpace)
                text = text.TrimStart();
            else if (dropBreak && text.StartsWith('\n'))
                text = text[1..];
            if (template[open + 2] == '-')
                text = text.TrimEnd();
            Add(parts, text, position);
            (dropSpace, dropBreak) = (template[end - 1] == '-', template[end - 1] != '+');
            return end + 2;
        }

        throw new TemplateException("'raw' is not closed by 'endraw'", position);
    }

    private static int NextTag(string template, int position)
    {
        for (int open = template.IndexOf('{', position); open >= 0 && open + 1 < template.Length; open = template.IndexOf('{', open + 1))
        {
            if (template[open + 1] is '{' or '%' or '#')
                return open;
        }

        return -1;
    }

    /// <summary>White space between the last line break and the tag goes away, if nothing else stands there.</summary>
    private static string TrimIndentation(string text, bool startsLine)
    {
        int line = text.LastIndexOf('\n');
        if (line < 0 && !startsLine)
            return text;
        for (int i = line + 1; i < text.Length; i++)
        {
            if (!char.IsWhiteSpace(text[i]))
                return text;
        }

        return text[..(line + 1)];
    }

    private static void Add(List<TemplatePart> parts, string text, int offset)
    {
        if (text.Length > 0)
            parts.Add(new TemplatePart(TemplatePartKind.Text, text, [], offset));
    }

    /// <summary>Reads words up to the closing mark; returns its place (that of the '-' or '+' before it, if there is one).</summary>
    private static int ReadTokens(string template, int position, string close, List<TemplateToken> tokens)
    {
        int depth = 0;
        while (position < template.Length)
        {
            char c = template[position];
            if (char.IsWhiteSpace(c))
            {
                position++;
                continue;
            }

            if (depth == 0 && Closes(template, position, close))
            {
                tokens.Add(new TemplateToken(TemplateTokenKind.End, "", position));
                return position;
            }

            int start = position;
            if (c is '"' or '\'')
                tokens.Add(new TemplateToken(TemplateTokenKind.Text, ReadText(template, ref position), start));
            else if (char.IsAsciiDigit(c))
                tokens.Add(ReadNumber(template, ref position));
            else if (char.IsLetter(c) || c == '_')
            {
                while (position < template.Length && (char.IsLetterOrDigit(template[position]) || template[position] == '_'))
                    position++;
                tokens.Add(new TemplateToken(TemplateTokenKind.Name, template[start..position], start));
            }
            else
            {
                string sign = Array.Find(Signs, sign => string.CompareOrdinal(template, start, sign, 0, sign.Length) == 0)
                    ?? throw new TemplateException($"'{c}' is not expected", start);
                depth += sign is "(" or "[" or "{" ? 1 : sign is ")" or "]" or "}" ? -1 : 0;
                position += sign.Length;
                tokens.Add(new TemplateToken(TemplateTokenKind.Sign, sign, start));
            }
        }

        throw new TemplateException($"a tag is not closed by '{close}'", template.Length);
    }

    private static bool Closes(string template, int position, string close) =>
        string.CompareOrdinal(template, position, close, 0, 2) == 0
        || (template[position] is '-' or '+' && string.CompareOrdinal(template, position + 1, close, 0, 2) == 0);

    private static TemplateToken ReadNumber(string template, ref int position)
    {
        int start = position;
        while (position < template.Length && char.IsAsciiDigit(template[position]))
            position++;
        bool fraction = position + 1 < template.Length && template[position] == '.' && char.IsAsciiDigit(template[position + 1]);
        if (fraction)
        {
            position++;
            while (position < template.Length && char.IsAsciiDigit(template[position]))
                position++;
        }

        if (position + 1 < template.Length && template[position] is 'e' or 'E' && char.IsAsciiDigit(template[position + 1]))
        {
            fraction = true;
            position++;
            while (position < template.Length && char.IsAsciiDigit(template[position]))
                position++;
        }

        return new TemplateToken(fraction ? TemplateTokenKind.Decimal : TemplateTokenKind.Whole, template[start..position], start);
    }

    private static string ReadText(string template, ref int position)
    {
        int start = position;
        char quote = template[position++];
        var text = new System.Text.StringBuilder();
        while (position < template.Length)
        {
            char c = template[position++];
            if (c == quote)
                return text.ToString();
            if (c != '\\' || position == template.Length)
            {
                text.Append(c);
                continue;
            }

            char escaped = template[position++];
            switch (escaped)
            {
                case 'n': text.Append('\n'); break;
                case 't': text.Append('\t'); break;
                case 'r': text.Append('\r'); break;
                case '\\' or '\'' or '"': text.Append(escaped); break;
                case 'u' when position + 4 <= template.Length && ushort.TryParse(template.AsSpan(position, 4), System.Globalization.NumberStyles.HexNumber, null, out ushort unit):
                    text.Append((char)unit);
                    position += 4;
                    break;
                default: text.Append('\\').Append(escaped); break;
            }
        }

        throw new TemplateException("a text is not closed", start);
    }
}
