namespace Merganser.Tokenizers.Chat;

/// <summary>The methods of texts, lists and maps that templates call.</summary>
internal static class TemplateMethods
{
    /// <summary>The method of a value, or null.</summary>
    public static TemplateFunction? Find(object target, string name) => target switch
    {
        string text => OfText(text, name),
        TemplateMap map => OfMap(map, name),
        List<object?> list => OfList(list, name),
        _ => null,
    };

    private static TemplateFunction? OfText(string text, string name) => name switch
    {
        "strip" => (args, _) => text.Trim(Characters(args)),
        "lstrip" => (args, _) => text.TrimStart(Characters(args)),
        "rstrip" => (args, _) => text.TrimEnd(Characters(args)),
        "split" => (args, _) => Split(text, args),
        "splitlines" => (_, _) => new List<object?>((text.EndsWith('\n') ? text[..^1] : text).Split('\n')),
        "startswith" => (args, _) => Any(args, part => text.StartsWith(part, StringComparison.Ordinal)),
        "endswith" => (args, _) => Any(args, part => text.EndsWith(part, StringComparison.Ordinal)),
        "replace" => (args, _) => TemplateFilters.Replace(text, Text(args, 0), Text(args, 1), args.Count > 2 && args[2] is long count ? count : null),
        "upper" => (_, _) => text.ToUpperInvariant(),
        "lower" => (_, _) => text.ToLowerInvariant(),
        "title" => (_, _) => TemplateFilters.Title(text),
        "capitalize" => (_, _) => TemplateFilters.Capitalize(text),
        "find" => (args, _) => (long)text.IndexOf(Text(args, 0), StringComparison.Ordinal),
        "count" => (args, _) => Text(args, 0) is { Length: > 0 } part ? (long)text.Split(part).Length - 1 : text.Length + 1L,
        "join" => (args, _) => string.Join(text, (args.Count > 0 ? TemplateFilters.Items(args[0], 0) : []).Select(TemplateValues.Print)),
        "isdigit" => (_, _) => text.Length > 0 && text.All(char.IsDigit),
        "removeprefix" => (args, _) => text.StartsWith(Text(args, 0), StringComparison.Ordinal) ? text[Text(args, 0).Length..] : text,
        "removesuffix" => (args, _) => text.EndsWith(Text(args, 0), StringComparison.Ordinal) ? text[..^Text(args, 0).Length] : text,
        _ => null,
    };

    private static TemplateFunction? OfMap(TemplateMap map, string name) => name switch
    {
        "items" => (_, _) => new List<object?>(map.Select(entry => new List<object?> { entry.Key, entry.Value })),
        "keys" => (_, _) => new List<object?>(map.Keys),
        "values" => (_, _) => new List<object?>(map.Values),
        "get" => (args, _) => map.TryGetValue(Text(args, 0), out object? value) ? value : args.Count > 1 ? args[1] : null,
        _ => null,
    };

    private static TemplateFunction? OfList(List<object?> list, string name) => name switch
    {
        "index" => (args, _) => (long)list.FindIndex(item => TemplateValues.AreEqual(item, args.Count > 0 ? args[0] : null)),
        "count" => (args, _) => (long)list.Count(item => TemplateValues.AreEqual(item, args.Count > 0 ? args[0] : null)),
        _ => null,
    };

    private static List<object?> Split(string text, IReadOnlyList<object?> args)
    {
        string? separator = args.Count > 0 ? args[0] as string : null;
        int most = args.Count > 1 && args[1] is long count && count >= 0 ? (int)Math.Min(count, int.MaxValue - 1) + 1 : int.MaxValue;
        string[] parts = string.IsNullOrEmpty(separator)
            ? text.Split((char[]?)null, most, StringSplitOptions.RemoveEmptyEntries)
            : text.Split(separator, most);
        return new List<object?>(parts);
    }

    private static bool Any(IReadOnlyList<object?> args, Func<string, bool> holds) =>
        args.Count > 0 && (args[0] is List<object?> parts ? parts.OfType<string>().Any(holds) : args[0] is string part && holds(part));

    private static char[]? Characters(IReadOnlyList<object?> args) => args.Count > 0 && args[0] is string characters ? characters.ToCharArray() : null;

    private static string Text(IReadOnlyList<object?> args, int index) => index < args.Count && args[index] is string text ? text : throw new TemplateException("a method is called without the text that it needs", 0);
}
