using System.Text.Json;
using System.Text.Json.Nodes;

namespace Merganser.Checkpoints;

/// <summary>Reads JSON files that come from outside: bounded in size and depth, no comments, no duplicate keys.</summary>
internal static class BoundedJson
{
    public const int MaxDepth = 64;
    public const long MaxConfigBytes = 16 << 20;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>The bytes of a file of at most <paramref name="maxBytes"/>.</summary>
    public static byte[] ReadBytes(string path, long maxBytes)
    {
        using CheckpointFile file = CheckpointFile.Open(path);
        if (file.Length > maxBytes)
            throw new MerganserException($"{path}: is {file.Length} bytes, more than the {maxBytes} such a file may have");
        byte[] bytes = new byte[file.Length];
        file.Read(0, bytes);
        return bytes;
    }

    /// <summary>Parses bytes whose root must be an object; <paramref name="path"/> is for messages.</summary>
    public static JsonObject ParseObject(ReadOnlySpan<byte> bytes, string path)
    {
        if (bytes.StartsWith("\uFEFF"u8))
            bytes = bytes[3..];
        try
        {
            JsonNode? root = JsonNode.Parse(bytes, documentOptions: Options);
            return root as JsonObject ?? throw new MerganserException($"{path}: must hold a JSON object");
        }
        catch (JsonException e)
        {
            throw new MerganserException($"{path}: is not valid JSON: {OneLine(e.Message)}", e);
        }
    }

    /// <summary>Reads and parses a file whose root must be an object.</summary>
    public static JsonObject ReadObject(string path, long maxBytes = MaxConfigBytes) => ParseObject(ReadBytes(path, maxBytes), path);

    /// <summary>The value at a dotted path, or null when any step is missing.</summary>
    public static JsonNode? Find(JsonObject root, string dottedKey)
    {
        // A literal key wins over a walk, since some configurations have dots in names.
        if (root.TryGetPropertyValue(dottedKey, out JsonNode? direct))
            return direct;
        JsonNode? node = root;
        foreach (string part in dottedKey.Split('.'))
        {
            if (node is not JsonObject inner || !inner.TryGetPropertyValue(part, out node))
                return null;
        }

        return node;
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}
