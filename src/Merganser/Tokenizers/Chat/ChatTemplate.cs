using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Merganser.Tokenizers.Chat;

/// <summary>
/// A chat template as models publish it (Jinja, the part of the language that real templates use): turns messages into the text that the
/// model was trained on. A template comes from outside, so it is given nothing but its variables, cannot change them, and is stopped after
/// a bounded number of steps and characters.
/// </summary>
/// <remarks>
/// Known: <c>if</c>, <c>for</c> (with <c>loop</c>, a condition, <c>else</c>, <c>break</c>, <c>continue</c>), <c>set</c>, <c>macro</c>,
/// <c>filter</c>, <c>raw</c>, <c>generation</c>; the usual filters, tests and methods; <c>namespace</c>, <c>range</c>, <c>dict</c>,
/// <c>raise_exception</c>, <c>strftime_now</c>. Anything else is refused by name. Line breaks after statements and indentation before
/// them are removed, as the reference library sets it.
/// </remarks>
public sealed class ChatTemplate
{
    private const int LongestTemplate = 1 << 20;

    private readonly TemplateNode _root;
    private readonly string _source;
    private readonly string _name;

    private ChatTemplate(TemplateNode root, string source, string name) => (_root, _source, _name) = (root, source, name);

    /// <summary>Reads a template.</summary>
    /// <param name="source">The text of the template, at most 1 MiB.</param>
    /// <param name="name">Where it comes from, for messages.</param>
    /// <exception cref="MerganserException">The template cannot be read; names line and reason.</exception>
    public static ChatTemplate Parse(string source, string name = "chat template")
    {
        if (source.Length > LongestTemplate)
            throw new MerganserException($"{name}: the template is longer than 1 MiB");
        try
        {
            return new ChatTemplate(TemplateParser.Parse(source), source, name);
        }
        catch (TemplateException e)
        {
            throw Located(e, source, name);
        }
    }

    /// <summary>The template of a model folder: chat_template.jinja, else the one in tokenizer_config.json; null if it has none.</summary>
    public static ChatTemplate? Find(string folder)
    {
        string own = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(own))
            return Parse(Encoding(Checkpoints.BoundedJson.ReadBytes(own, LongestTemplate)), own);
        string config = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(config))
            return null;
        string? source = Checkpoints.BoundedJson.ReadObject(config)["chat_template"] switch
        {
            JsonValue value when value.TryGetValue(out string? text) => text,
            JsonArray list => list.OfType<JsonObject>().FirstOrDefault(entry => (string?)entry["name"] == "default")?["template"]?.GetValue<string>(),
            _ => null,
        };
        return source is null ? null : Parse(source, $"{config}: chat_template");
    }

    /// <summary>Renders messages.</summary>
    /// <param name="messages">Objects with <c>role</c> and <c>content</c>, and whatever else the template knows.</param>
    /// <param name="addGenerationPrompt">Ends with what begins an answer.</param>
    /// <param name="variables">Further variables: <c>tools</c>, <c>documents</c>, <c>bos_token</c>, <c>enable_thinking</c>, …</param>
    /// <param name="now">The time that <c>strftime_now</c> sees; the system's if left out.</param>
    /// <exception cref="MerganserException">The template says that it cannot take these messages, or does something that is not supported.</exception>
    public string Render(JsonArray messages, bool addGenerationPrompt = true, JsonObject? variables = null, DateTime? now = null)
    {
        var output = new StringBuilder();
        var scope = new TemplateScope(output);
        DefineFunctions(scope, now);
        scope.Set("messages", TemplateValues.FromNode(messages));
        scope.Set("add_generation_prompt", addGenerationPrompt);
        foreach ((string name, JsonNode? value) in variables ?? [])
            scope.Set(name, TemplateValues.FromNode(value));
        try
        {
            _root.Run(scope);
            return output.ToString();
        }
        catch (TemplateException e)
        {
            throw Located(e, _source, _name);
        }
    }

    private static void DefineFunctions(TemplateScope scope, DateTime? now)
    {
        scope.Set("namespace", (TemplateFunction)((_, named) =>
        {
            var map = new TemplateMap { IsNamespace = true };
            foreach ((string name, object? value) in named)
                map[name] = value;
            return map;
        }));
        scope.Set("dict", (TemplateFunction)((_, named) => TemplateValues.Map(named.Select(entry => (entry.Key, entry.Value)))));
        scope.Set("range", (TemplateFunction)((args, _) => Range(scope, args)));
        scope.Set("raise_exception", (TemplateFunction)((args, _) => throw new TemplateException($"the template says: {(args.Count > 0 ? TemplateValues.Print(args[0]) : "")}", 0)));
        scope.Set("strftime_now", (TemplateFunction)((args, _) => Formatted(now ?? DateTime.Now, args.Count > 0 ? TemplateValues.Print(args[0]) : "")));
    }

    private static List<object?> Range(TemplateScope scope, IReadOnlyList<object?> args)
    {
        long[] numbers = [.. args.Select(value => value is long number ? number : throw new TemplateException("'range' needs whole numbers", 0))];
        (long start, long end, long step) = numbers switch { [var last] => (0L, last, 1L), [var first, var last] => (first, last, 1L), [var first, var last, var by] when by != 0 => (first, last, by), _ => throw new TemplateException("'range' needs one to three whole numbers", 0) };
        var list = new List<object?>();
        for (long i = start; step > 0 ? i < end : i > end; i += step)
        {
            scope.Step(0);
            list.Add(i);
        }

        return list;
    }

    /// <summary>The signs of strftime that templates use.</summary>
    private static string Formatted(DateTime time, string format)
    {
        var text = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                text.Append(format[i]);
                continue;
            }

            char sign = format[++i];
            bool bare = sign == '-' && i + 1 < format.Length;
            if (bare)
                sign = format[++i];
            string part = sign switch
            {
                'Y' => time.ToString("yyyy", CultureInfo.InvariantCulture),
                'y' => time.ToString("yy", CultureInfo.InvariantCulture),
                'm' => time.ToString("MM", CultureInfo.InvariantCulture),
                'd' => time.ToString("dd", CultureInfo.InvariantCulture),
                'B' => time.ToString("MMMM", CultureInfo.InvariantCulture),
                'b' => time.ToString("MMM", CultureInfo.InvariantCulture),
                'A' => time.ToString("dddd", CultureInfo.InvariantCulture),
                'a' => time.ToString("ddd", CultureInfo.InvariantCulture),
                'H' => time.ToString("HH", CultureInfo.InvariantCulture),
                'I' => time.ToString("hh", CultureInfo.InvariantCulture),
                'M' => time.ToString("mm", CultureInfo.InvariantCulture),
                'S' => time.ToString("ss", CultureInfo.InvariantCulture),
                'p' => time.ToString("tt", CultureInfo.InvariantCulture),
                'j' => time.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
                '%' => "%",
                _ => throw new TemplateException($"strftime_now: '%{sign}' is not supported", 0),
            };
            text.Append(bare ? part.TrimStart('0') : part);
        }

        return text.ToString();
    }

    private static string Encoding(byte[] bytes) => System.Text.Encoding.UTF8.GetString(bytes);

    private static MerganserException Located(TemplateException e, string source, string name)
    {
        int line = source.AsSpan(0, Math.Min(e.Offset, source.Length)).Count('\n') + 1;
        return new MerganserException(e.Offset > 0 ? $"{name}: line {line}: {e.Message}" : $"{name}: {e.Message}");
    }
}
