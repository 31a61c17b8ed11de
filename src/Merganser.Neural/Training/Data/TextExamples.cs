using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Merganser.Neural.Training.Data;

/// <summary>A text, and its class if the file has classes.</summary>
/// <param name="Text">The text.</param>
/// <param name="Label">The class.</param>
public readonly record struct TextExample(string Text, string? Label);

/// <summary>
/// Reads texts: <c>.txt</c> is one text, <c>.jsonl</c> an object a line, <c>.tsv</c> a label, a tab and a text a line; each also with
/// <c>.gz</c> behind it. Of a folder all such files are read in the order of their names.
/// </summary>
public static class TextExamples
{
    private const long MaxCharacters = 1 << 30;

    /// <summary>Reads a file or a folder.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="textField">The field of JSON lines that holds the text.</param>
    /// <param name="labelField">The field that holds the class; it may be missing.</param>
    /// <exception cref="MerganserException">The file is missing, of an unknown kind, not UTF-8, or a line is not what its ending says.</exception>
    public static IReadOnlyList<TextExample> Read(string path, string textField = "text", string labelField = "label")
    {
        if (Directory.Exists(path))
        {
            string[] files = [.. Directory.EnumerateFiles(path).Where(file => Kind(file) is not null).Order(StringComparer.Ordinal)];
            return files.Length > 0 ? [.. files.SelectMany(file => Read(file, textField, labelField))] : throw new MerganserException($"{path}: holds no .txt, .jsonl or .tsv files");
        }

        string kind = Kind(path) ?? throw new MerganserException($"{path}: is of no known kind; .txt, .jsonl and .tsv are read, also with .gz behind");
        try
        {
            using Stream file = File.OpenRead(path);
            using Stream source = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
            using var reader = new StreamReader(source, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return kind == ".txt" ? [new TextExample(Whole(reader, path), null)] : Lines(reader, path, kind, textField, labelField);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static string Whole(StreamReader reader, string path)
    {
        var text = new StringBuilder();
        char[] buffer = new char[1 << 16];
        for (int count; (count = reader.Read(buffer)) > 0; text.Append(buffer, 0, count))
        {
            if (text.Length > MaxCharacters)
                throw new MerganserException($"{path}: holds more than {MaxCharacters} characters; cut it into several files");
        }

        return text.ToString();
    }

    private static List<TextExample> Lines(StreamReader reader, string path, string kind, string textField, string labelField)
    {
        var examples = new List<TextExample>();
        int number = 0;
        while (reader.ReadLine() is { } line)
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            examples.Add(kind == ".tsv" ? Row(line, path, number) : Json(line, path, number, textField, labelField));
        }

        return examples;
    }

    private static TextExample Row(string line, string path, int number)
    {
        int tab = line.IndexOf('\t', StringComparison.Ordinal);
        return tab > 0 ? new TextExample(line[(tab + 1)..], line[..tab]) : throw new MerganserException($"{path}:{number}: a line is a label, a tab and a text");
    }

    private static TextExample Json(string line, string path, int number, string textField, string labelField)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 32 });
            JsonElement row = document.RootElement;
            if (row.ValueKind != JsonValueKind.Object || !row.TryGetProperty(textField, out JsonElement text) || text.ValueKind != JsonValueKind.String)
                throw new MerganserException($"{path}:{number}: the line is no object with a text in '{textField}'");
            string? label = row.TryGetProperty(labelField, out JsonElement named) ? named.ToString() : null;
            return new TextExample(text.GetString()!, label);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new MerganserException($"{path}:{number}: is not JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static string? Kind(string path)
    {
        string name = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
        return Path.GetExtension(name).ToLowerInvariant() switch
        {
            ".txt" => ".txt",
            ".jsonl" => ".jsonl",
            ".tsv" => ".tsv",
            _ => null,
        };
    }
}
