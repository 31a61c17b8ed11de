using System.Globalization;

namespace Merganser.Tokenizers.Chat;

/// <summary>Reads the expressions of one tag; weakest binding first: choice, or, and, not, comparison, +−, ~, */, unary, power, filters and members.</summary>
internal sealed class ExpressionParser(IReadOnlyList<TemplateToken> tokens)
{
    private const int MostDepth = 64;

    private int _next;
    private int _depth;

    public TemplateToken Current => tokens[_next];

    public int Offset => Current.Offset;

    public TemplateToken Take() => tokens[_next++];

    public bool Accept(string text)
    {
        if (Current.Text != text || Current.Kind is TemplateTokenKind.Text or TemplateTokenKind.End)
            return false;
        _next++;
        return true;
    }

    public void Expect(string text)
    {
        if (!Accept(text))
            throw new TemplateException($"'{text}' is expected{(Current.Kind == TemplateTokenKind.End ? "" : $" in place of '{Current.Text}'")}", Offset);
    }

    public string Name() => Current.Kind == TemplateTokenKind.Name ? Take().Text : throw new TemplateException($"a name is expected{(Current.Kind == TemplateTokenKind.End ? "" : $" in place of '{Current.Text}'")}", Offset);

    public void End()
    {
        if (Current.Kind != TemplateTokenKind.End)
            throw new TemplateException($"'{Current.Text}' is not expected", Offset);
    }

    /// <summary>A whole expression; several with commas are a list.</summary>
    public TemplateExpression Tuple()
    {
        int offset = Offset;
        TemplateExpression first = Expression();
        if (Current.Text != "," || Current.Kind != TemplateTokenKind.Sign)
            return first;
        var items = new List<TemplateExpression> { first };
        while (Accept(","))
        {
            if (Current.Kind == TemplateTokenKind.End)
                break;
            items.Add(Expression());
        }

        return new ListExpression(items, offset);
    }

    public TemplateExpression Expression()
    {
        if (++_depth > MostDepth)
            throw new TemplateException("the expression nests too deeply", Offset);
        TemplateExpression value = Or();
        while (Current is { Kind: TemplateTokenKind.Name, Text: "if" })
        {
            int offset = Take().Offset;
            TemplateExpression condition = Or();
            value = new ChoiceExpression(condition, value, Accept("else") ? Expression() : null, offset);
        }

        _depth--;
        return value;
    }

    /// <summary>An expression in which <c>if</c> does not begin a choice: the items of a loop with a condition.</summary>
    public TemplateExpression WithoutChoice() => Or();

    /// <summary>Filters behind a value that is not an expression: <c>filter upper</c>, <c>set x | trim</c>.</summary>
    public FilterCall Filter()
    {
        int offset = Offset;
        string name = Name();
        return new FilterCall(name, Accept("(") ? Arguments() : CallArguments.None, offset);
    }

    private TemplateExpression Or() => Left(And, "or");

    private TemplateExpression And() => Left(Not, "and");

    private TemplateExpression Not()
    {
        if (Current is not { Kind: TemplateTokenKind.Name, Text: "not" })
            return Comparison();
        int offset = Take().Offset;
        if (++_depth > MostDepth)
            throw new TemplateException("the expression nests too deeply", offset);
        var negated = new UnaryExpression("not", Not(), offset);
        _depth--;
        return negated;
    }

    private TemplateExpression Comparison()
    {
        TemplateExpression left = Sum();
        TemplateExpression? chain = null;
        while (true)
        {
            int offset = Offset;
            string? sign = Current.Kind == TemplateTokenKind.Sign && Current.Text is "==" or "!=" or "<" or ">" or "<=" or ">=" ? Take().Text
                : Accept("in") ? "in"
                : Current is { Kind: TemplateTokenKind.Name, Text: "not" } && tokens[_next + 1] is { Kind: TemplateTokenKind.Name, Text: "in" } ? "not in" : null;
            if (sign is null)
                return chain ?? left;
            if (sign == "not in")
                _next += 2;
            TemplateExpression right = Sum();
            var comparison = new BinaryExpression(sign, left, right, offset);
            chain = chain is null ? comparison : new BinaryExpression("and", chain, comparison, offset);
            left = right;
        }
    }

    private TemplateExpression Sum() => Left(Joined, "+", "-");

    private TemplateExpression Joined() => Left(Product, "~");

    private TemplateExpression Product() => Left(Unary, "*", "/", "//", "%");

    private TemplateExpression Left(Func<TemplateExpression> operand, params string[] signs)
    {
        TemplateExpression left = operand();
        while (Current.Kind is TemplateTokenKind.Sign or TemplateTokenKind.Name && Array.IndexOf(signs, Current.Text) >= 0)
        {
            TemplateToken sign = Take();
            left = new BinaryExpression(sign.Text, left, operand(), sign.Offset);
        }

        return left;
    }

    /// <summary>A sign binds tighter than a filter: -3|abs is 3.</summary>
    private TemplateExpression Unary() => Filters(Signed());

    private TemplateExpression Signed()
    {
        if (Current is { Kind: TemplateTokenKind.Sign, Text: "-" or "+" })
        {
            TemplateToken sign = Take();
            if (++_depth > MostDepth)
                throw new TemplateException("the expression nests too deeply", sign.Offset);
            TemplateExpression operand = Signed();
            _depth--;
            return new UnaryExpression(sign.Text, operand, sign.Offset);
        }

        TemplateExpression value = Members(Primary());
        while (Current is { Kind: TemplateTokenKind.Sign, Text: "**" })
        {
            TemplateToken power = Take();
            value = new BinaryExpression("**", value, Signed(), power.Offset);
        }

        return value;
    }

    private TemplateExpression Primary()
    {
        TemplateToken token = Take();
        switch (token.Kind)
        {
            case TemplateTokenKind.Text:
                string text = token.Text;
                while (Current.Kind == TemplateTokenKind.Text)
                    text += Take().Text;
                return new LiteralExpression(text, token.Offset);
            case TemplateTokenKind.Whole:
                return new LiteralExpression(long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out long whole) ? whole : throw new TemplateException("the number is too large", token.Offset), token.Offset);
            case TemplateTokenKind.Decimal:
                return new LiteralExpression(double.Parse(token.Text, CultureInfo.InvariantCulture), token.Offset);
            case TemplateTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new LiteralExpression(true, token.Offset),
                    "false" or "False" => new LiteralExpression(false, token.Offset),
                    "none" or "None" => new LiteralExpression(null, token.Offset),
                    _ => new NameExpression(token.Text, token.Offset),
                };
            case TemplateTokenKind.Sign when token.Text == "(":
                return Parenthesis(token.Offset);
            case TemplateTokenKind.Sign when token.Text == "[":
                return new ListExpression(Items("]"), token.Offset);
            case TemplateTokenKind.Sign when token.Text == "{":
                return Map(token.Offset);
            default:
                throw new TemplateException(token.Kind == TemplateTokenKind.End ? "a value is expected" : $"'{token.Text}' is not expected", token.Offset);
        }
    }

    private TemplateExpression Parenthesis(int offset)
    {
        if (Accept(")"))
            return new ListExpression([], offset);
        TemplateExpression first = Expression();
        if (Accept(")"))
            return first;
        Expect(",");
        return new ListExpression([first, .. Items(")")], offset);
    }

    private List<TemplateExpression> Items(string close)
    {
        var items = new List<TemplateExpression>();
        while (!Accept(close))
        {
            items.Add(Expression());
            if (Accept(close))
                break;
            Expect(",");
        }

        return items;
    }

    private MapExpression Map(int offset)
    {
        var entries = new List<(TemplateExpression, TemplateExpression)>();
        while (!Accept("}"))
        {
            TemplateExpression key = Expression();
            Expect(":");
            entries.Add((key, Expression()));
            if (Accept("}"))
                break;
            Expect(",");
        }

        return new MapExpression(entries, offset);
    }

    private TemplateExpression Members(TemplateExpression value)
    {
        while (true)
        {
            int offset = Offset;
            if (Accept("."))
                value = new MemberExpression(value, Current.Kind == TemplateTokenKind.Whole ? Primary() : new LiteralExpression(Name(), offset), isAttribute: true, offset);
            else if (Accept("["))
                value = Subscript(value, offset);
            else if (Accept("("))
                value = new CallExpression(value, Arguments(), offset);
            else
                return value;
        }
    }

    private TemplateExpression Filters(TemplateExpression value)
    {
        while (true)
        {
            int offset = Offset;
            if (Accept("|"))
                value = new FilterExpression(value, Filter(), offset);
            else if (Accept("is"))
                value = Test(value, offset);
            else if (Current is { Kind: TemplateTokenKind.Sign, Text: "." or "[" or "(" })
                value = Members(value); // behind a filter: (x | first).role without the brackets
            else
                return value;
        }
    }

    private TemplateExpression Subscript(TemplateExpression value, int offset)
    {
        TemplateExpression? first = Current.Text == ":" ? null : Expression();
        if (Accept("]"))
            return new MemberExpression(value, first!, isAttribute: false, offset);
        Expect(":");
        TemplateExpression? end = Current.Text is ":" or "]" ? null : Expression();
        TemplateExpression? step = Accept(":") && Current.Text != "]" ? Expression() : null;
        Expect("]");
        return new SliceExpression(value, first, end, step, offset);
    }

    private TestExpression Test(TemplateExpression value, int offset)
    {
        bool negated = Accept("not");
        string name = Name();
        List<TemplateExpression> arguments = [];
        if (Accept("("))
            arguments = Items(")");
        else if (Current.Kind is TemplateTokenKind.Text or TemplateTokenKind.Whole or TemplateTokenKind.Decimal
            || Current is { Kind: TemplateTokenKind.Sign, Text: "[" or "{" }
            || (Current.Kind == TemplateTokenKind.Name && Current.Text is not ("else" or "or" or "and" or "is" or "if" or "in" or "not")))
            arguments = [Members(Primary())];
        return new TestExpression(value, name, arguments, negated, offset);
    }

    private CallArguments Arguments()
    {
        var values = new List<TemplateExpression>();
        var named = new List<(string, TemplateExpression)>();
        while (!Accept(")"))
        {
            if (Current.Kind == TemplateTokenKind.Name && tokens[_next + 1] is { Kind: TemplateTokenKind.Sign, Text: "=" })
            {
                string name = Take().Text;
                Take();
                named.Add((name, Expression()));
            }
            else
            {
                values.Add(Expression());
            }

            if (Accept(")"))
                break;
            Expect(",");
        }

        return new CallArguments(values, named);
    }
}
