using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Merganser.Tokenizers.Chat;

/// <summary>The value of what is not there: false, empty, prints nothing.</summary>
internal sealed class Undefined
{
    public static readonly Undefined Value = new();

    private Undefined()
    {
    }
}

/// <summary>A map that keeps the order of its keys: objects of JSON, <c>namespace()</c>, dictionary literals.</summary>
internal sealed class TemplateMap : OrderedDictionary<string, object?>
{
    public TemplateMap()
        : base(StringComparer.Ordinal)
    {
    }

    /// <summary>Made by <c>namespace()</c>: the only thing that a template may change.</summary>
    public bool IsNamespace { get; init; }
}

/// <summary>Something that can be called: positional and named arguments in, a value out.</summary>
internal delegate object? TemplateFunction(IReadOnlyList<object?> positional, IReadOnlyDictionary<string, object?> named);

/// <summary>
/// Values are null, bool, long, double, string, <see cref="List{T}"/> of values, <see cref="TemplateMap"/>, <see cref="TemplateFunction"/>
/// and <see cref="Undefined"/>: never an object of the host, so a template can reach nothing but what it was given.
/// </summary>
internal static class TemplateValues
{
    private const int MostDepth = 32;
    private const int MostCompared = 1_000_000;
    private const int MostPrinted = 16 << 20;

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool b => b,
        long n => n != 0,
        double d => d != 0,
        string s => s.Length > 0,
        List<object?> list => list.Count > 0,
        TemplateMap map => map.Count > 0 || map.IsNamespace,
        _ => true,
    };

    public static bool AreEqual(object? a, object? b)
    {
        int steps = 0;
        return AreEqual(a, b, 0, ref steps);
    }

    public static bool TryNumber(object? value, out double number)
    {
        (bool isNumber, number) = value switch
        {
            bool b => (true, b ? 1 : 0),
            long n => (true, n),
            double d => (true, d),
            _ => (false, 0),
        };
        return isNumber;
    }

    /// <summary>As the reference prints it: True, None, 1.0, ['a', 1].</summary>
    public static string Print(object? value)
    {
        if (value is string text)
            return text;
        var output = new StringBuilder();
        Write(output, value, 0);
        return output.ToString();
    }

    /// <summary>Letters of all scripts as they are; on one line with ", " and ": ", or indented.</summary>
    public static string ToJson(object? value, int? indent)
    {
        var output = new StringBuilder();
        WriteJson(output, value, indent is { } width ? Math.Clamp(width, 0, 16) : null, 0);
        return output.ToString();
    }

    public static object? FromNode(JsonNode? node) => node switch
    {
        null => null,
        JsonObject map => Map(map.Select(entry => (entry.Key, FromNode(entry.Value)))),
        JsonArray list => new List<object?>(list.Select(FromNode)),
        JsonValue value => value.GetValueKind() switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String => value.GetValue<string>(),
            JsonValueKind.Number when value.TryGetValue(out long whole) => whole,
            JsonValueKind.Number => value.GetValue<double>(),
            _ => null,
        },
        _ => null,
    };

    public static TemplateMap Map(IEnumerable<(string Key, object? Value)> entries)
    {
        var map = new TemplateMap();
        foreach ((string key, object? value) in entries)
            map[key] = value;
        return map;
    }

    private static bool AreEqual(object? a, object? b, int depth, ref int steps)
    {
        // A list may hold the same list twice, at every depth: both are bounded.
        if (depth > MostDepth || ++steps > MostCompared)
            throw new TemplateException("values are too large to be compared", 0);
        switch (a, b)
        {
            case (bool x, bool y):
                return x == y;
            case (string x, string y):
                return x == y;
            case (List<object?> x, List<object?> y):
                if (x.Count != y.Count)
                    return false;
                for (int i = 0; i < x.Count; i++)
                {
                    if (!AreEqual(x[i], y[i], depth + 1, ref steps))
                        return false;
                }

                return true;
            case (TemplateMap x, TemplateMap y):
                if (x.Count != y.Count)
                    return false;
                foreach ((string key, object? value) in x)
                {
                    if (!y.TryGetValue(key, out object? other) || !AreEqual(value, other, depth + 1, ref steps))
                        return false;
                }

                return true;
            default:
                return TryNumber(a, out double p) && TryNumber(b, out double q) ? p == q : ReferenceEquals(a, b);
        }
    }

    private static void CheckSize(StringBuilder output, int depth)
    {
        if (depth > MostDepth)
            throw new TemplateException("values are nested too deeply", 0);
        if (output.Length > MostPrinted)
            throw new TemplateException("a value is too large to be printed", 0);
    }

    private static void Write(StringBuilder output, object? value, int depth)
    {
        CheckSize(output, depth);
        switch (value)
        {
            case null: output.Append("None"); break;
            case Undefined: break;
            case bool b: output.Append(b ? "True" : "False"); break;
            case long n: output.Append(n.ToString(CultureInfo.InvariantCulture)); break;
            case double d: output.Append(d == Math.Floor(d) && Math.Abs(d) < 1e16 ? d.ToString("F1", CultureInfo.InvariantCulture) : d.ToString("R", CultureInfo.InvariantCulture)); break;
            case string s: output.Append(Quoted(s)); break;
            case List<object?> list:
                output.Append('[');
                for (int i = 0; i < list.Count; i++)
                {
                    output.Append(i > 0 ? ", " : "");
                    Write(output, list[i], depth + 1);
                }

                output.Append(']');
                break;
            case TemplateMap map:
                output.Append('{');
                foreach ((int index, KeyValuePair<string, object?> entry) in map.Index())
                {
                    output.Append(index > 0 ? ", " : "").Append(Quoted(entry.Key)).Append(": ");
                    Write(output, entry.Value, depth + 1);
                }

                output.Append('}');
                break;
            default: output.Append("<function>"); break;
        }
    }

    private static string Quoted(string text)
    {
        char quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var quoted = new StringBuilder().Append(quote);
        foreach (char c in text)
            quoted.Append(c switch { '\\' => "\\\\", '\n' => "\\n", '\t' => "\\t", '\r' => "\\r", _ when c == quote => $"\\{c}", _ => c.ToString() });
        return quoted.Append(quote).ToString();
    }

    private static void WriteJson(StringBuilder output, object? value, int? indent, int depth)
    {
        CheckSize(output, depth);
        switch (value)
        {
            case List<object?> list:
                WriteItems(output, '[', ']', list, indent, depth, item => WriteJson(output, item, indent, depth + 1));
                break;
            case TemplateMap map:
                WriteItems(output, '{', '}', map, indent, depth, entry =>
                {
                    WriteJsonText(output, entry.Key);
                    output.Append(": ");
                    WriteJson(output, entry.Value, indent, depth + 1);
                });
                break;
            case string text:
                WriteJsonText(output, text);
                break;
            case bool or null:
                output.Append(value is null ? "null" : value is true ? "true" : "false");
                break;
            case long or double:
                output.Append(Print(value));
                break;
            default:
                throw new TemplateException("tojson: this value has no JSON form", 0);
        }
    }

    private static void WriteItems<T>(StringBuilder output, char open, char close, IReadOnlyCollection<T> items, int? indent, int depth, Action<T> write)
    {
        output.Append(open);
        bool first = true;
        foreach (T item in items)
        {
            if (!first)
                output.Append(indent is null ? ", " : ",");
            first = false;
            if (indent is { } width)
                output.Append('\n').Append(' ', width * (depth + 1));
            write(item);
        }

        if (indent is { } end && !first)
            output.Append('\n').Append(' ', end * depth);
        output.Append(close);
    }

    private static void WriteJsonText(StringBuilder output, string text)
    {
        output.Append('"');
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => output.Append("\\\""),
                '\\' => output.Append("\\\\"),
                '\n' => output.Append("\\n"),
                '\r' => output.Append("\\r"),
                '\t' => output.Append("\\t"),
                '\b' => output.Append("\\b"),
                '\f' => output.Append("\\f"),
                < ' ' => output.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => output.Append(c),
            };
        }

        output.Append('"');
    }
}
