using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Merganser.Checkpoints;

/// <summary>
/// Changes single values of a config.json and leaves every other byte as it was: order, indentation, the way numbers are written.
/// A key that is missing is added at the end of its object.
/// </summary>
public sealed class ConfigEditor
{
    private readonly string _path;
    private byte[] _json;

    /// <summary>Edits a copy of <paramref name="json"/>; <paramref name="path"/> is for messages.</summary>
    /// <exception cref="MerganserException">The text is no JSON object.</exception>
    public ConfigEditor(ReadOnlySpan<byte> json, string path)
    {
        _path = path;
        _json = (json.StartsWith("\uFEFF"u8) ? json[3..] : json).ToArray();
        BoundedJson.ParseObject(_json, path);
    }

    /// <summary>Reads a config.json.</summary>
    /// <exception cref="MerganserException">There is no such file, or it is no JSON object of at most 16 MB.</exception>
    public static ConfigEditor Open(string path) => new(BoundedJson.ReadBytes(path, BoundedJson.MaxConfigBytes), path);

    /// <summary>Writes the element type under the key that is there, <c>dtype</c> or <c>torch_dtype</c> (or both), else as <c>torch_dtype</c>.</summary>
    public ConfigEditor SetDType(DType type)
    {
        JsonObject root = BoundedJson.ParseObject(_json, _path);
        bool current = root.ContainsKey("dtype");
        if (current)
            Set("dtype", type.TorchName());
        if (!current || root.ContainsKey("torch_dtype"))
            Set("torch_dtype", type.TorchName());
        return this;
    }

    /// <summary>Sets the value at a dotted path such as <c>text_config.vocab_size</c>; the empty path changes nothing.</summary>
    /// <exception cref="MerganserException">A step of the path is no object.</exception>
    public ConfigEditor Set(string dottedKey, JsonNode value)
    {
        if (dottedKey.Length == 0)
            return this;
        JsonObject root = BoundedJson.ParseObject(_json, _path);
        string[] parts = root.ContainsKey(dottedKey) ? [dottedKey] : dottedKey.Split('.');
        Slot slot = Locate(parts);
        string text = value.ToJsonString();
        string insertion = text;
        if (slot.Depth < parts.Length)
        {
            // The missing tail of the path becomes one new member: "a": {"b": value}.
            for (int i = parts.Length - 1; i > slot.Depth; i--)
                insertion = $"{{{Quote(parts[i])}: {insertion}}}";
            insertion = $"{(slot.HasMembers ? "," : "")}{slot.Separator}{Quote(parts[slot.Depth])}: {insertion}";
        }

        byte[] bytes = Encoding.UTF8.GetBytes(insertion);
        _json = [.. _json.AsSpan(0, slot.Start), .. bytes, .. _json.AsSpan(slot.End)];
        BoundedJson.ParseObject(_json, _path);
        return this;
    }

    /// <summary>The edited text.</summary>
    public byte[] ToArray() => [.. _json];

    /// <summary>Finds the value at the path (Depth = number of parts) or the place where the deepest existing object would take a member.</summary>
    private Slot Locate(string[] parts)
    {
        var reader = new Utf8JsonReader(_json, new JsonReaderOptions { MaxDepth = BoundedJson.MaxDepth });
        reader.Read();
        int depth = 0;
        int lastEnd = (int)reader.BytesConsumed;
        string separator = "\n  ";
        bool hasMembers = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!hasMembers)
                separator = Encoding.UTF8.GetString(_json.AsSpan(lastEnd, (int)reader.TokenStartIndex - lastEnd));
            hasMembers = true;
            bool match = reader.ValueTextEquals(parts[depth]);
            reader.Read();
            int start = (int)reader.TokenStartIndex;
            if (match && depth + 1 < parts.Length)
            {
                if (reader.TokenType != JsonTokenType.StartObject)
                    throw new MerganserException($"{_path}: '{string.Join('.', parts[..(depth + 1)])}' must be an object");
                depth++;
                lastEnd = (int)reader.BytesConsumed;
                hasMembers = false;
                continue;
            }

            reader.Skip();
            lastEnd = (int)reader.BytesConsumed;
            if (match)
                return new Slot(start, lastEnd, parts.Length, true, separator);
        }

        return new Slot(lastEnd, lastEnd, depth, hasMembers, separator);
    }

    private static string Quote(string text) => JsonValue.Create(text).ToJsonString();

    private readonly record struct Slot(int Start, int End, int Depth, bool HasMembers, string Separator);
}
