namespace Merganser.Tokenizers.Chat;

/// <summary>A piece of a template that has a value.</summary>
internal abstract class TemplateExpression(int offset)
{
    public int Offset { get; } = offset;

    public abstract object? Evaluate(TemplateScope scope);
}

/// <summary>A constant.</summary>
internal sealed class LiteralExpression(object? value, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope) => value;
}

/// <summary>A variable.</summary>
internal sealed class NameExpression(string name, int offset) : TemplateExpression(offset)
{
    public string Name => name;

    public override object? Evaluate(TemplateScope scope) => scope.Get(name);
}

/// <summary><c>[a, b]</c> and <c>(a, b)</c>.</summary>
internal sealed class ListExpression(IReadOnlyList<TemplateExpression> items, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope) => new List<object?>(items.Select(item => item.Evaluate(scope)));
}

/// <summary><c>{key: value}</c>.</summary>
internal sealed class MapExpression(IReadOnlyList<(TemplateExpression Key, TemplateExpression Value)> entries, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope) =>
        TemplateValues.Map(entries.Select(entry => (TemplateValues.Print(entry.Key.Evaluate(scope)), entry.Value.Evaluate(scope))));
}

/// <summary><c>a.b</c> and <c>a[b]</c>.</summary>
internal sealed class MemberExpression(TemplateExpression target, TemplateExpression key, bool isAttribute, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope)
    {
        object? from = target.Evaluate(scope), name = key.Evaluate(scope);
        switch (from, name)
        {
            case (TemplateMap map, string text) when map.TryGetValue(text, out object? value):
                return value;
            case (List<object?> list, long index):
                return TryIndex(list.Count, index, out int place) ? list[place] : Undefined.Value;
            case (string characters, long index):
                return TryIndex(characters.Length, index, out int at) ? characters[at].ToString() : Undefined.Value;
            case (Undefined, _):
                throw new TemplateException($"{(target is NameExpression variable ? $"'{variable.Name}'" : "a value")} is not defined, so it has no '{TemplateValues.Print(name)}'", Offset);
            case (not null, string method) when isAttribute:
                return (object?)TemplateMethods.Find(from, method) ?? Undefined.Value;
            default:
                return Undefined.Value;
        }
    }

    private static bool TryIndex(int count, long index, out int place)
    {
        long wanted = index < 0 ? index + count : index;
        place = (int)Math.Clamp(wanted, 0, int.MaxValue);
        return wanted >= 0 && wanted < count;
    }
}

/// <summary><c>a[start:end:step]</c>.</summary>
internal sealed class SliceExpression(TemplateExpression target, TemplateExpression? start, TemplateExpression? end, TemplateExpression? step, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope)
    {
        object? from = target.Evaluate(scope);
        int count = from switch { List<object?> list => list.Count, string text => text.Length, _ => throw new TemplateException("only lists and texts have slices", Offset) };
        long by = Number(step, scope) ?? 1;
        if (by == 0)
            throw new TemplateException("the step of a slice is 0", Offset);
        long first = Bound(Number(start, scope), by > 0 ? 0 : count - 1, count, by), last = Bound(Number(end, scope), by > 0 ? count : -1, count, by, isEnd: true);
        var places = new List<int>();
        for (long i = first; by > 0 ? i < last : i > last; i += by)
        {
            if (i >= 0 && i < count)
                places.Add((int)i);
        }

        scope.Step(Offset, places.Count);
        return from is string characters ? string.Concat(places.Select(place => characters[place])) : new List<object?>(places.Select(place => ((List<object?>)from)[place]));
    }

    private static long Bound(long? given, long otherwise, int count, long by, bool isEnd = false)
    {
        if (given is not { } value)
            return otherwise;
        long place = value < 0 ? value + count : value;
        return by > 0 ? Math.Clamp(place, 0, count) : Math.Clamp(place, -1, count - 1);
    }

    private long? Number(TemplateExpression? expression, TemplateScope scope) => expression?.Evaluate(scope) switch
    {
        null => null,
        long number => number,
        _ => throw new TemplateException("the ends of a slice are whole numbers", Offset),
    };
}

/// <summary><c>a(b, c=d)</c>.</summary>
internal sealed class CallExpression(TemplateExpression target, CallArguments arguments, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope)
    {
        scope.Step(Offset);
        if (target.Evaluate(scope) is not TemplateFunction function)
            throw new TemplateException($"{(target is NameExpression name ? $"'{name.Name}'" : "this value")} cannot be called", Offset);
        scope.Enter(Offset);
        object? result = function(arguments.Positional(scope), arguments.Named(scope));
        scope.Leave();
        return result;
    }
}

/// <summary>The arguments of a call.</summary>
internal sealed record CallArguments(IReadOnlyList<TemplateExpression> Values, IReadOnlyList<(string Name, TemplateExpression Value)> NamedValues)
{
    public static CallArguments None { get; } = new([], []);

    public List<object?> Positional(TemplateScope scope) => [.. Values.Select(value => value.Evaluate(scope))];

    public Dictionary<string, object?> Named(TemplateScope scope) => NamedValues.ToDictionary(entry => entry.Name, entry => entry.Value.Evaluate(scope), StringComparer.Ordinal);
}

/// <summary>A filter with its arguments.</summary>
internal sealed record FilterCall(string Name, CallArguments Arguments, int Offset)
{
    public object? Apply(object? value, TemplateScope scope)
    {
        scope.Step(Offset);
        return TemplateFilters.Apply(Name, value, Arguments.Positional(scope), Arguments.Named(scope), Offset);
    }
}

/// <summary><c>a | filter(b)</c>.</summary>
internal sealed class FilterExpression(TemplateExpression value, FilterCall filter, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope) => filter.Apply(value.Evaluate(scope), scope);
}

/// <summary><c>a is test(b)</c>, <c>a is not test</c>.</summary>
internal sealed class TestExpression(TemplateExpression value, string test, IReadOnlyList<TemplateExpression> arguments, bool negated, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope) =>
        TemplateFilters.Test(test, value.Evaluate(scope), [.. arguments.Select(argument => argument.Evaluate(scope))], Offset) != negated;
}

/// <summary><c>a if condition else b</c>.</summary>
internal sealed class ChoiceExpression(TemplateExpression condition, TemplateExpression value, TemplateExpression? otherwise, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope) =>
        TemplateValues.IsTrue(condition.Evaluate(scope)) ? value.Evaluate(scope) : otherwise is null ? Undefined.Value : otherwise.Evaluate(scope);
}

/// <summary><c>not a</c>, <c>-a</c>, <c>+a</c>.</summary>
internal sealed class UnaryExpression(string sign, TemplateExpression operand, int offset) : TemplateExpression(offset)
{
    public override object? Evaluate(TemplateScope scope)
    {
        object? value = operand.Evaluate(scope);
        return sign switch
        {
            "not" => !TemplateValues.IsTrue(value),
            "-" when value is long n => -n,
            "-" when value is double d => -d,
            "+" when value is long or double => value,
            _ => throw new TemplateException($"'{sign}' needs a number", Offset),
        };
    }
}

/// <summary>Everything with two sides.</summary>
internal sealed class BinaryExpression(string sign, TemplateExpression left, TemplateExpression right, int offset) : TemplateExpression(offset)
{
    private const int LongestText = 16 << 20;

    public override object? Evaluate(TemplateScope scope)
    {
        object? a = left.Evaluate(scope);
        if (sign == "and")
            return TemplateValues.IsTrue(a) ? right.Evaluate(scope) : a;
        if (sign == "or")
            return TemplateValues.IsTrue(a) ? a : right.Evaluate(scope);
        object? b = right.Evaluate(scope);
        return sign switch
        {
            "==" => TemplateValues.AreEqual(a, b),
            "!=" => !TemplateValues.AreEqual(a, b),
            "in" => TemplateFilters.Contains(b, a, Offset),
            "not in" => !TemplateFilters.Contains(b, a, Offset),
            "<" => Compare(a, b) < 0,
            ">" => Compare(a, b) > 0,
            "<=" => Compare(a, b) <= 0,
            ">=" => Compare(a, b) >= 0,
            "~" => Join(TemplateValues.Print(a), TemplateValues.Print(b)),
            "+" when a is string x && b is string y => Join(x, y),
            "+" when a is List<object?> x && b is List<object?> y => Listed(scope, x, y),
            "*" when a is string text && b is long times => Repeat(text, times),
            _ => Arithmetic(a, b),
        };
    }

    private string Join(string a, string b) => a.Length + b.Length <= LongestText ? a + b : throw new TemplateException("a text becomes too long", Offset);

    private string Repeat(string text, long times) =>
        times <= 0 || text.Length == 0 ? "" : times <= LongestText / text.Length ? string.Concat(Enumerable.Repeat(text, (int)times)) : throw new TemplateException("a text becomes too long", Offset);

    private List<object?> Listed(TemplateScope scope, List<object?> a, List<object?> b)
    {
        scope.Step(Offset, a.Count + b.Count);
        return [.. a, .. b];
    }

    private int Compare(object? a, object? b) => (a, b) switch
    {
        (string x, string y) => string.CompareOrdinal(x, y),
        _ when TemplateValues.TryNumber(a, out double x) && TemplateValues.TryNumber(b, out double y) => x.CompareTo(y),
        _ => throw new TemplateException($"'{sign}' compares two numbers or two texts", Offset),
    };

    private object Arithmetic(object? a, object? b)
    {
        try
        {
            if (a is long x && b is long y && sign != "/")
            {
                return checked(sign switch
                {
                    "+" => x + y,
                    "-" => x - y,
                    "*" => x * y,
                    "//" when y != 0 => (long)Math.Floor((double)x / y),
                    "%" when y != 0 => x - (y * (long)Math.Floor((double)x / y)),
                    "**" when y is >= 0 and < 64 => (long)Math.Pow(x, y),
                    _ => throw new TemplateException($"'{sign}' cannot be done with {x} and {y}", Offset),
                });
            }
        }
        catch (OverflowException)
        {
            throw new TemplateException("a number becomes too large", Offset);
        }

        if (TemplateValues.TryNumber(a, out double p) && TemplateValues.TryNumber(b, out double q))
        {
            return sign switch
            {
                "+" => p + q,
                "-" => p - q,
                "*" => p * q,
                "/" when q != 0 => p / q,
                "//" when q != 0 => Math.Floor(p / q),
                "%" when q != 0 => p - (q * Math.Floor(p / q)),
                "**" => Math.Pow(p, q),
                _ => throw new TemplateException("a division by 0", Offset),
            };
        }

        throw new TemplateException($"'{sign}' cannot be done with {TemplateFilters.TypeName(a)} and {TemplateFilters.TypeName(b)}", Offset);
    }
}
