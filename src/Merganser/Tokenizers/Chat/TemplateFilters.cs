using System.Globalization;

namespace Merganser.Tokenizers.Chat;

/// <summary>The filters (<c>a | trim</c>) and tests (<c>a is defined</c>) of templates.</summary>
internal static class TemplateFilters
{
    public static object? Apply(string name, object? value, List<object?> args, Dictionary<string, object?> named, int offset) => name switch
    {
        "trim" => TemplateValues.Print(value).Trim(args.Count > 0 && args[0] is string characters ? characters.ToCharArray() : null),
        "upper" => TemplateValues.Print(value).ToUpperInvariant(),
        "lower" => TemplateValues.Print(value).ToLowerInvariant(),
        "title" => Title(TemplateValues.Print(value)),
        "capitalize" => Capitalize(TemplateValues.Print(value)),
        "string" or "safe" or "escape" or "e" => name is "string" or "safe" ? TemplateValues.Print(value) : System.Net.WebUtility.HtmlEncode(TemplateValues.Print(value)),
        "length" or "count" => Length(value, offset),
        "first" => Items(value, offset) is { Count: > 0 } list ? list[0] : Undefined.Value,
        "last" => Items(value, offset) is { Count: > 0 } list ? list[^1] : Undefined.Value,
        "list" => new List<object?>(Items(value, offset)),
        "reverse" => value is string text ? new string([.. text.Reverse()]) : new List<object?>(Enumerable.Reverse(Items(value, offset))),
        "sort" => Sorted(value, named, offset),
        "unique" => Unique(Items(value, offset)),
        "join" => string.Join(args.Count > 0 ? TemplateValues.Print(args[0]) : "", Items(value, offset).Select(item => TemplateValues.Print(named.TryGetValue("attribute", out object? key) ? Attribute(item, key) : item))),
        "replace" => Replace(TemplateValues.Print(value), TemplateValues.Print(At(args, 0)), TemplateValues.Print(At(args, 1)), At(args, 2) as long?),
        "default" or "d" => value is Undefined || (args.Count > 1 && TemplateValues.IsTrue(args[1]) && !TemplateValues.IsTrue(value)) ? args.Count > 0 ? args[0] : "" : value,
        "tojson" => TemplateValues.ToJson(value, (named.TryGetValue("indent", out object? indent) ? indent : At(args, 0)) is long width ? (int)Math.Clamp(width, 0, 16) : null),
        "int" => Whole(value, args),
        "float" => TemplateValues.TryNumber(value, out double number) || (value is string written && double.TryParse(written, CultureInfo.InvariantCulture, out number)) ? number : 0.0,
        "abs" => value is long and > long.MinValue ? (object)Math.Abs((long)value) : TemplateValues.TryNumber(value, out double size) ? Math.Abs(size) : throw new TemplateException("'abs' needs a number", offset),
        "round" => TemplateValues.TryNumber(value, out double rounded) ? Math.Round(rounded, (int)Math.Clamp(At(args, 0) as long? ?? 0, 0, 15)) : throw new TemplateException("'round' needs a number", offset),
        "items" => TemplateMethods.Find(value ?? Undefined.Value, "items")?.Invoke([], named) ?? new List<object?>(),
        "dictsort" => new List<object?>(((value as TemplateMap) ?? throw new TemplateException("'dictsort' needs a map", offset)).OrderBy(entry => entry.Key, StringComparer.OrdinalIgnoreCase).Select(entry => new List<object?> { entry.Key, entry.Value })),
        "map" => new List<object?>(Items(value, offset).Select(item => named.TryGetValue("attribute", out object? key) ? Attribute(item, key) : Apply(TemplateValues.Print(At(args, 0)), item, [.. args.Skip(1)], named, offset))),
        "select" => Chosen(value, args, keep: true, attribute: false, offset),
        "reject" => Chosen(value, args, keep: false, attribute: false, offset),
        "selectattr" => Chosen(value, args, keep: true, attribute: true, offset),
        "rejectattr" => Chosen(value, args, keep: false, attribute: true, offset),
        "indent" => Indent(TemplateValues.Print(value), At(args, 0) is long spaces ? (int)Math.Clamp(spaces, 0, 64) : 4, TemplateValues.IsTrue(At(args, 1)) || (named.TryGetValue("first", out object? first) && TemplateValues.IsTrue(first))),
        _ => throw new TemplateException($"the filter '{name}' is not supported", offset),
    };

    public static bool Test(string name, object? value, List<object?> args, int offset) => name switch
    {
        "defined" => value is not Undefined,
        "undefined" => value is Undefined,
        "none" => value is null,
        "boolean" => value is bool,
        "true" => value is true,
        "false" => value is false,
        "string" => value is string,
        "number" => value is long or double or bool,
        "integer" => value is long,
        "float" => value is double,
        "mapping" => value is TemplateMap,
        "sequence" or "iterable" => value is string or List<object?> or TemplateMap,
        "callable" => value is TemplateFunction,
        "even" => value is long even && even % 2 == 0,
        "odd" => value is long odd && odd % 2 != 0,
        "divisibleby" => value is long number && At(args, 0) is long and not 0 && number % (long)args[0]! == 0,
        "equalto" or "eq" or "sameas" => TemplateValues.AreEqual(value, At(args, 0)),
        "ne" => !TemplateValues.AreEqual(value, At(args, 0)),
        "gt" or "greaterthan" => TemplateValues.TryNumber(value, out double a) && TemplateValues.TryNumber(At(args, 0), out double b) && a > b,
        "lt" or "lessthan" => TemplateValues.TryNumber(value, out double c) && TemplateValues.TryNumber(At(args, 0), out double d) && c < d,
        "in" => Contains(At(args, 0), value, offset),
        "lower" => value is string low && !low.Any(char.IsUpper),
        "upper" => value is string up && !up.Any(char.IsLower),
        _ => throw new TemplateException($"the test '{name}' is not supported", offset),
    };

    /// <summary>The items that a loop sees: of a list, the characters of a text, the keys of a map; nothing is empty.</summary>
    public static List<object?> Items(object? value, int offset) => value switch
    {
        List<object?> list => list,
        string text => [.. text.Select(c => (object?)c.ToString())],
        TemplateMap map => [.. map.Keys],
        Undefined => [],
        _ => throw new TemplateException($"{TypeName(value)} has no items", offset),
    };

    public static bool Contains(object? holder, object? item, int offset) => holder switch
    {
        string text => text.Contains(item as string ?? throw new TemplateException($"{TypeName(item)} cannot be looked for in a text", offset), StringComparison.Ordinal),
        List<object?> list => list.Exists(other => TemplateValues.AreEqual(other, item)),
        TemplateMap map => item is string key && map.ContainsKey(key),
        Undefined => false,
        _ => throw new TemplateException($"nothing can be looked for in {TypeName(holder)}", offset),
    };

    public static string TypeName(object? value) => value switch
    {
        null => "none",
        Undefined => "an undefined value",
        bool => "a truth value",
        long or double => "a number",
        string => "a text",
        List<object?> => "a list",
        TemplateMap => "a map",
        _ => "a function",
    };

    public static string Title(string text) => CultureInfo.InvariantCulture.TextInfo.ToTitleCase(text.ToLowerInvariant());

    public static string Capitalize(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant();

    public static string Replace(string text, string old, string with, long? most)
    {
        if (old.Length == 0)
            return text;
        var result = new System.Text.StringBuilder();
        int from = 0;
        for (long done = 0; most is null || done < most; done++)
        {
            int at = text.IndexOf(old, from, StringComparison.Ordinal);
            if (at < 0)
                break;
            result.Append(text, from, at - from).Append(with);
            from = at + old.Length;
        }

        return result.Append(text, from, text.Length - from).ToString();
    }

    private static object? At(List<object?> args, int index) => index < args.Count ? args[index] : Undefined.Value;

    private static long Length(object? value, int offset) => value switch
    {
        string text => (long)text.EnumerateRunes().Count(),
        List<object?> list => (long)list.Count,
        TemplateMap map => (long)map.Count,
        Undefined => 0L,
        _ => throw new TemplateException($"{TypeName(value)} has no length", offset),
    };

    private static long Whole(object? value, List<object?> args) => value switch
    {
        bool b => b ? 1L : 0L,
        long n => n,
        double d when Math.Abs(d) < long.MaxValue => (long)d,
        string text when long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long n) => n,
        string text when double.TryParse(text.Trim(), CultureInfo.InvariantCulture, out double d) && Math.Abs(d) < long.MaxValue => (long)d,
        _ => args.Count > 0 && args[0] is long otherwise ? otherwise : 0L,
    };

    private static object? Attribute(object? item, object? key)
    {
        foreach (string part in TemplateValues.Print(key).Split('.'))
            item = item is TemplateMap map && map.TryGetValue(part, out object? value) ? value : Undefined.Value;
        return item;
    }

    private static List<object?> Chosen(object? value, List<object?> args, bool keep, bool attribute, int offset)
    {
        object? key = attribute ? At(args, 0) : null;
        List<object?> rest = [.. args.Skip(attribute ? 1 : 0)];
        bool Holds(object? item)
        {
            object? tested = attribute ? Attribute(item, key) : item;
            return rest.Count == 0 ? TemplateValues.IsTrue(tested) : Symbol(TemplateValues.Print(rest[0])) is { } name && Test(name, tested, [.. rest.Skip(1)], offset);
        }

        return Items(value, offset).FindAll(item => Holds(item) == keep);
    }

    private static string Symbol(string test) => test switch { "==" => "eq", "!=" => "ne", ">" => "gt", "<" => "lt", _ => test };

    private static List<object?> Sorted(object? value, Dictionary<string, object?> named, int offset)
    {
        bool reverse = named.TryGetValue("reverse", out object? backwards) && TemplateValues.IsTrue(backwards);
        IEnumerable<object?> sorted = Items(value, offset).Order(Comparer<object?>.Create((a, b) =>
        {
            (object? x, object? y) = named.TryGetValue("attribute", out object? key) ? (Attribute(a, key), Attribute(b, key)) : (a, b);
            return TemplateValues.TryNumber(x, out double p) && TemplateValues.TryNumber(y, out double q)
                ? p.CompareTo(q)
                : string.Compare(TemplateValues.Print(x), TemplateValues.Print(y), StringComparison.OrdinalIgnoreCase);
        }));
        return [.. reverse ? sorted.Reverse() : sorted];
    }

    private static List<object?> Unique(List<object?> items)
    {
        var seen = new List<object?>();
        var printed = new HashSet<string>(StringComparer.Ordinal);
        foreach (object? item in items)
        {
            if (printed.Add(TypeName(item) + TemplateValues.Print(item)))
                seen.Add(item);
        }

        return seen;
    }

    private static string Indent(string text, int spaces, bool first)
    {
        string pad = new(' ', spaces);
        string[] lines = text.Split('\n');
        return string.Join('\n', lines.Select((line, index) => (index == 0 && !first) || line.Length == 0 ? line : pad + line));
    }
}
