using System.IO.Compression;
using System.Text.Json;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary>Texts with names out of files: plain, JSON lines, either of them packed with gzip.</summary>
internal static class NamedTextFile
{
    private const int LargestText = 512 << 20;
    private static readonly string[] NameKeys = ["lang", "language", "name", "code"];

    /// <summary>Reads <c>path</c> or <c>name=path</c>; JSON lines of the same name are joined.</summary>
    public static IEnumerable<NamedText> Read(string argument)
    {
        int equals = argument.IndexOf('=', StringComparison.Ordinal);
        bool named = equals > 0 && !File.Exists(argument);
        string path = named ? argument[(equals + 1)..] : argument;
        string name = named ? argument[..equals] : Path.GetFileNameWithoutExtension(path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path);
        string text = Unpack(path);
        string plain = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
        return plain.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase)
            ? Lines(text, path).GroupBy(line => line.Name).Select(group => new NamedText(group.Key, string.Join('\n', group.Select(line => line.Text))))
            : [new NamedText(name, text)];
    }

    private static string Unpack(string path)
    {
        if (!path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
            return TextInput.ReadFile(path);
        try
        {
            using FileStream file = File.OpenRead(path);
            using var unpacked = new GZipStream(file, CompressionMode.Decompress);
            using var memory = new MemoryStream();
            byte[] buffer = new byte[1 << 16];
            for (int read; (read = unpacked.Read(buffer)) > 0;)
            {
                if (memory.Length + read > LargestText)
                    throw new MerganserException($"{path}: unpacks to more than 512 MiB");
                memory.Write(buffer, 0, read);
            }

            return System.Text.Encoding.UTF8.GetString(memory.GetBuffer(), 0, (int)memory.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static IEnumerable<NamedText> Lines(string text, string path)
    {
        int number = 0;
        foreach (string line in TextInput.SplitLines(text))
        {
            number++;
            if (line.Length == 0)
                continue;
            JsonDocument document;
            try
            {
                document = JsonDocument.Parse(line);
            }
            catch (JsonException e)
            {
                throw new MerganserException($"{path}: line {number} is not JSON: {e.Message.ReplaceLineEndings(" ")}", e);
            }

            using (document)
            {
                JsonElement root = document.RootElement;
                string? name = root.ValueKind == JsonValueKind.Object ? NameKeys.Select(key => root.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null).FirstOrDefault(value => value is not null) : null;
                if (name is null || !root.TryGetProperty("text", out JsonElement content) || content.ValueKind != JsonValueKind.String)
                    throw new MerganserException($"{path}: line {number} has no 'lang' and 'text'");
                yield return new NamedText(name, content.GetString()!);
            }
        }
    }
}
