using System.Text;

namespace Merganser.Tokenizers.Chat;

/// <summary>How a statement ended: onwards, or out of a loop.</summary>
internal enum TemplateFlow
{
    Next,
    Break,
    Continue,
}

/// <summary>A piece of a template that can be run.</summary>
internal abstract class TemplateNode(int offset)
{
    public int Offset { get; } = offset;

    public abstract TemplateFlow Run(TemplateScope scope);
}

/// <summary>Pieces one after another.</summary>
internal sealed class BlockNode(IReadOnlyList<TemplateNode> nodes, int offset) : TemplateNode(offset)
{
    public override TemplateFlow Run(TemplateScope scope)
    {
        foreach (TemplateNode node in nodes)
        {
            scope.Step(node.Offset);
            if (node.Run(scope) is var flow && flow != TemplateFlow.Next)
                return flow;
        }

        return TemplateFlow.Next;
    }
}

/// <summary>Text as it is.</summary>
internal sealed class TextNode(string text, int offset) : TemplateNode(offset)
{
    public override TemplateFlow Run(TemplateScope scope)
    {
        scope.Output.Append(text);
        return TemplateFlow.Next;
    }
}

/// <summary><c>{{ value }}</c>.</summary>
internal sealed class OutputNode(TemplateExpression value, int offset) : TemplateNode(offset)
{
    public override TemplateFlow Run(TemplateScope scope)
    {
        scope.Output.Append(TemplateValues.Print(value.Evaluate(scope)));
        return TemplateFlow.Next;
    }
}

/// <summary><c>break</c> and <c>continue</c>.</summary>
internal sealed class FlowNode(TemplateFlow flow, int offset) : TemplateNode(offset)
{
    public override TemplateFlow Run(TemplateScope scope) => flow;
}

/// <summary><c>if</c>, <c>elif</c>, <c>else</c>: the first branch whose condition holds. Variables set inside stay.</summary>
internal sealed class IfNode(IReadOnlyList<(TemplateExpression? Condition, TemplateNode Body)> branches, int offset) : TemplateNode(offset)
{
    public override TemplateFlow Run(TemplateScope scope)
    {
        foreach ((TemplateExpression? condition, TemplateNode body) in branches)
        {
            if (condition is null || TemplateValues.IsTrue(condition.Evaluate(scope)))
                return body.Run(scope);
        }

        return TemplateFlow.Next;
    }
}

/// <summary><c>for a, b in items if condition</c>, with <c>loop</c> and an <c>else</c> for no item.</summary>
internal sealed class ForNode(IReadOnlyList<string> names, TemplateExpression items, TemplateExpression? condition, TemplateNode body, TemplateNode? otherwise, int offset) : TemplateNode(offset)
{
    public override TemplateFlow Run(TemplateScope scope)
    {
        List<object?> list = TemplateFilters.Items(items.Evaluate(scope), Offset);
        if (condition is not null)
        {
            list = list.FindAll(item =>
            {
                TemplateScope probe = scope.Inner();
                Bind(probe, item);
                return TemplateValues.IsTrue(condition.Evaluate(probe));
            });
        }

        if (list.Count == 0)
            return otherwise?.Run(scope) ?? TemplateFlow.Next;
        for (int i = 0; i < list.Count; i++)
        {
            scope.Step(Offset);
            TemplateScope inner = scope.Inner();
            Bind(inner, list[i]);
            inner.Set("loop", TemplateValues.Map(
            [
                ("index", i + 1L), ("index0", (long)i), ("first", i == 0), ("last", i == list.Count - 1), ("length", (long)list.Count),
                ("revindex", (long)(list.Count - i)), ("revindex0", list.Count - i - 1L),
                ("previtem", i > 0 ? list[i - 1] : Undefined.Value), ("nextitem", i + 1 < list.Count ? list[i + 1] : Undefined.Value),
            ]));
            if (body.Run(inner) == TemplateFlow.Break)
                break;
        }

        return TemplateFlow.Next;
    }

    private void Bind(TemplateScope scope, object? item)
    {
        if (names.Count == 1)
        {
            scope.Set(names[0], item);
            return;
        }

        if (item is not List<object?> parts || parts.Count != names.Count)
            throw new TemplateException($"an item does not have the {names.Count} parts that the loop asks for", Offset);
        for (int i = 0; i < names.Count; i++)
            scope.Set(names[i], parts[i]);
    }
}

/// <summary><c>set name = value</c>, <c>set namespace.name = value</c>, <c>set a, b = values</c>.</summary>
internal sealed class SetNode(IReadOnlyList<string> names, string? attribute, TemplateExpression value, int offset) : TemplateNode(offset)
{
    public override TemplateFlow Run(TemplateScope scope)
    {
        object? result = value.Evaluate(scope);
        if (attribute is not null)
        {
            if (scope.Get(names[0]) is not TemplateMap { IsNamespace: true } map)
                throw new TemplateException($"'{names[0]}' is no namespace: its attributes cannot be set", Offset);
            map[attribute] = result;
        }
        else if (names.Count == 1)
        {
            scope.Set(names[0], result);
        }
        else
        {
            if (result is not List<object?> parts || parts.Count != names.Count)
                throw new TemplateException($"the value does not have {names.Count} parts", Offset);
            for (int i = 0; i < names.Count; i++)
                scope.Set(names[i], parts[i]);
        }

        return TemplateFlow.Next;
    }
}

/// <summary><c>set name</c> … <c>endset</c>, and <c>filter name</c> … <c>endfilter</c>: the text of the body.</summary>
internal sealed class CaptureNode(string? name, IReadOnlyList<FilterCall> filters, TemplateNode body, int offset) : TemplateNode(offset)
{
    public override TemplateFlow Run(TemplateScope scope)
    {
        var text = new StringBuilder();
        TemplateFlow flow = body.Run(scope.Inner(text));
        object? value = text.ToString();
        foreach (FilterCall filter in filters)
            value = filter.Apply(value, scope);
        if (name is null)
            scope.Output.Append(TemplateValues.Print(value));
        else
            scope.Set(name, value);
        return flow;
    }
}

/// <summary><c>macro name(a, b=1)</c> … <c>endmacro</c>.</summary>
internal sealed class MacroNode(string name, IReadOnlyList<(string Name, TemplateExpression? Default)> parameters, TemplateNode body, int offset) : TemplateNode(offset)
{
    public override TemplateFlow Run(TemplateScope scope)
    {
        scope.Set(name, (TemplateFunction)((positional, named) =>
        {
            var text = new StringBuilder();
            TemplateScope inner = scope.Inner(text);
            for (int i = 0; i < parameters.Count; i++)
            {
                object? value = i < positional.Count ? positional[i]
                    : named.TryGetValue(parameters[i].Name, out object? given) ? given
                    : parameters[i].Default?.Evaluate(inner) ?? Undefined.Value;
                inner.Set(parameters[i].Name, value);
            }

            body.Run(inner);
            return text.ToString();
        }));
        return TemplateFlow.Next;
    }
}
