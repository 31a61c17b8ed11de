using System.Text.Json;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>A value of a JSON file that knows its file and path, so that every complaint names both.</summary>
internal readonly record struct JsonPart(JsonElement Element, string File, string Path)
{
    /// <summary>The exception for something wrong here.</summary>
    public MerganserException Bad(string what) => new($"{File}: {Path}: {what}");

    /// <summary>An exception from making a component, with the place put before it unless it has one.</summary>
    public MerganserException Located(MerganserException inner) =>
        inner.Message.StartsWith(File + ": ", StringComparison.Ordinal) ? inner : Bad(inner.Message);

    /// <summary>The component's type.</summary>
    public string Type => Text("type");

    /// <summary>A member; null when it is missing or JSON null.</summary>
    public JsonPart? Find(string name)
    {
        if (Element.ValueKind != JsonValueKind.Object)
            throw Bad("must be an object");
        return Element.TryGetProperty(name, out JsonElement member) && member.ValueKind != JsonValueKind.Null
            ? new JsonPart(member, File, $"{Path}.{name}")
            : null;
    }

    /// <summary>A member that must be there.</summary>
    public JsonPart Member(string name) => Find(name) ?? throw Bad($"'{name}' is missing");

    /// <summary>A string member.</summary>
    public string Text(string name, string? fallback = null) => Find(name) is { } part ? part.AsText() : fallback ?? throw Bad($"'{name}' is missing");

    /// <summary>A boolean member.</summary>
    public bool Flag(string name, bool fallback) => OptionalFlag(name) ?? fallback;

    /// <summary>A boolean member that may be null.</summary>
    public bool? OptionalFlag(string name)
    {
        if (Find(name) is not { } part)
            return null;
        return part.Element.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw part.Bad("must be true or false"),
        };
    }

    /// <summary>An integer member.</summary>
    public int Number(string name, int? fallback = null) => Find(name) is { } part ? part.AsNumber() : fallback ?? throw Bad($"'{name}' is missing");

    /// <summary>The elements of an array member.</summary>
    public List<JsonPart> Items(string name) => Member(name).Items();

    /// <summary>The elements of this array.</summary>
    public List<JsonPart> Items()
    {
        if (Element.ValueKind != JsonValueKind.Array)
            throw Bad("must be an array");
        List<JsonPart> items = [];
        foreach (JsonElement item in Element.EnumerateArray())
            items.Add(new JsonPart(item, File, $"{Path}[{items.Count}]"));
        return items;
    }

    /// <summary>This string.</summary>
    public string AsText()
    {
        if (Element.ValueKind != JsonValueKind.String)
            throw Bad("must be a string");
        try
        {
            return Element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Bad("holds half a character (a lone surrogate or bytes that are no UTF-8)");
        }
    }

    /// <summary>This integer.</summary>
    public int AsNumber() => Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out int value)
        ? value
        : throw Bad("must be a whole number of at most 32 bits");

    /// <summary>A string that must be exactly one code point.</summary>
    public string Character(string name, string? fallback = null)
    {
        string text = Text(name, fallback);
        bool isOne = text.Length == 1 ? !char.IsSurrogate(text[0]) : text.Length == 2 && char.IsSurrogatePair(text[0], text[1]);
        return isOne ? text : throw Bad($"'{name}' must be one character, not {Quoted.Name(text)}");
    }

    /// <summary>One of the names of an enumeration; case and underscores do not matter.</summary>
    public T Choice<T>(string name, T? fallback = null)
        where T : struct, Enum
    {
        if (Find(name) is not { } part)
            return fallback ?? throw Bad($"'{name}' is missing");
        string text = part.AsText().Replace("_", "", StringComparison.Ordinal);
        foreach (T value in Enum.GetValues<T>())
        {
            if (string.Equals(value.ToString(), text, StringComparison.OrdinalIgnoreCase))
                return value;
        }

        throw part.Bad($"{Quoted.Name(text)} is not one of {string.Join(", ", Enum.GetNames<T>())}");
    }

    /// <summary>A pattern: <c>{"String": …}</c> or <c>{"Regex": …}</c>, or a plain string.</summary>
    public SplitPattern Pattern(string name)
    {
        JsonPart part = Member(name);
        if (part.Element.ValueKind == JsonValueKind.String)
            return SplitPattern.Literal(part.AsText());
        if (part.Find("String") is { } literal)
            return SplitPattern.Literal(literal.AsText());
        return part.Find("Regex") is { } regex ? SplitPattern.Regex(regex.AsText()) : throw part.Bad("must be {\"String\": …} or {\"Regex\": …}");
    }
}
