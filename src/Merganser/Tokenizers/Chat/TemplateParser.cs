namespace Merganser.Tokenizers.Chat;

/// <summary>Reads the statements of a template.</summary>
internal sealed class TemplateParser
{
    private const int MostDepth = 64;

    private readonly List<TemplatePart> _parts;
    private int _next;
    private int _depth;

    private TemplateParser(List<TemplatePart> parts) => _parts = parts;

    public static TemplateNode Parse(string template)
    {
        var parser = new TemplateParser(TemplateLexer.Cut(template));
        BlockNode whole = parser.Block([]);
        return parser._next == parser._parts.Count ? whole : throw new TemplateException("this statement has no beginning", parser._parts[parser._next].Offset);
    }

    /// <summary>Everything up to a statement that begins with one of the words; that one is not taken.</summary>
    private BlockNode Block(ReadOnlySpan<string> ends)
    {
        int offset = _next < _parts.Count ? _parts[_next].Offset : 0;
        if (++_depth > MostDepth)
            throw new TemplateException("the template nests too deeply", offset);
        var nodes = new List<TemplateNode>();
        for (; _next < _parts.Count; _next++)
        {
            TemplatePart part = _parts[_next];
            if (part.Kind == TemplatePartKind.Text)
            {
                nodes.Add(new TextNode(part.Text, part.Offset));
                continue;
            }

            var words = new ExpressionParser(part.Tokens);
            if (part.Kind == TemplatePartKind.Output)
            {
                nodes.Add(new OutputNode(words.Tuple(), part.Offset));
                words.End();
                continue;
            }

            if (ends.Contains(words.Current.Text))
            {
                _depth--;
                return new BlockNode(nodes, offset);
            }

            nodes.Add(Statement(words, part.Offset));
        }

        if (ends.Length > 0)
            throw new TemplateException($"'{ends[^1]}' is missing", offset);
        _depth--;
        return new BlockNode(nodes, offset);
    }

    private TemplateNode Statement(ExpressionParser words, int offset)
    {
        string word = words.Name();
        switch (word)
        {
            case "if":
                return If(words, offset);
            case "for":
                return For(words, offset);
            case "set":
                return Set(words, offset);
            case "macro":
                return Macro(words, offset);
            case "filter":
                FilterCall filter = words.Filter();
                words.End();
                return new CaptureNode(null, [filter], Body("endfilter"), offset);
            case "generation":
                // Marks what an assistant said, for training masks: the text itself is the same.
                words.End();
                return Body("endgeneration");
            case "break":
                words.End();
                return new FlowNode(TemplateFlow.Break, offset);
            case "continue":
                words.End();
                return new FlowNode(TemplateFlow.Continue, offset);
            default:
                throw new TemplateException($"the statement '{word}' is not supported", offset);
        }
    }

    private IfNode If(ExpressionParser words, int offset)
    {
        var branches = new List<(TemplateExpression?, TemplateNode)>();
        TemplateExpression? condition = words.Expression();
        words.End();
        while (true)
        {
            _next++;
            branches.Add((condition, Block(["elif", "else", "endif"])));
            var end = new ExpressionParser(_parts[_next].Tokens);
            string word = end.Name();
            if (word == "elif")
                condition = end.Expression();
            else if (word == "else" && condition is not null)
                condition = null;
            else if (word == "endif")
                return new IfNode(branches, offset);
            else
                throw new TemplateException("'endif' is expected", _parts[_next].Offset);
            end.End();
        }
    }

    private ForNode For(ExpressionParser words, int offset)
    {
        var names = new List<string>();
        bool parenthesis = words.Accept("(");
        do
        {
            names.Add(words.Name());
        }
        while (words.Accept(","));
        if (parenthesis)
            words.Expect(")");
        words.Expect("in");
        TemplateExpression items = words.WithoutChoice();
        TemplateExpression? condition = words.Accept("if") ? words.Expression() : null;
        words.End();
        _next++;
        BlockNode body = Block(["else", "endfor"]);
        BlockNode? otherwise = null;
        if (_parts[_next].Tokens[0].Text == "else")
        {
            _next++;
            otherwise = Block(["endfor"]);
        }

        return new ForNode(names, items, condition, body, otherwise, offset);
    }

    private TemplateNode Set(ExpressionParser words, int offset)
    {
        var names = new List<string> { words.Name() };
        string? attribute = words.Accept(".") ? words.Name() : null;
        while (attribute is null && words.Accept(","))
            names.Add(words.Name());
        if (words.Accept("="))
        {
            TemplateExpression value = words.Tuple();
            words.End();
            return new SetNode(names, attribute, value, offset);
        }

        var filters = new List<FilterCall>();
        while (words.Accept("|"))
            filters.Add(words.Filter());
        words.End();
        if (names.Count > 1 || attribute is not null)
            throw new TemplateException("'=' is expected", offset);
        return new CaptureNode(names[0], filters, Body("endset"), offset);
    }

    private MacroNode Macro(ExpressionParser words, int offset)
    {
        string name = words.Name();
        var parameters = new List<(string, TemplateExpression?)>();
        words.Expect("(");
        while (!words.Accept(")"))
        {
            parameters.Add((words.Name(), words.Accept("=") ? words.Expression() : null));
            if (words.Accept(")"))
                break;
            words.Expect(",");
        }

        words.End();
        return new MacroNode(name, parameters, Body("endmacro"), offset);
    }

    private BlockNode Body(string end)
    {
        _next++;
        return Block([end]);
    }
}
