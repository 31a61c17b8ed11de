using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Merganser.Neural.Training.Data;

/// <summary>A text, and its class if the file has classes.</summary>
/// <param name="Text">The text.</param>
/// <param name="Label">The class.</param>
public readonly record struct TextExample(string Text, string? Label);

/// <summary>
/// Reads texts: <c>.txt</c> is one text; <c>.jsonl</c> an object a line; <c>.tsv</c> a label, a tab and a text a line, or any columns under a
/// first line with their names; <c>.parquet</c> a table. All but the last also with <c>.gz</c> behind. Of a folder all such files are read in
/// the order of their names; a folder of folders with <c>.txt</c> files has the class of a text as the name of its folder.
/// </summary>
public static class TextExamples
{
    private const long MaxCharacters = 1 << 30;

    /// <summary>Reads a file or a folder.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="textField">The field or column that holds the text.</param>
    /// <param name="labelField">The field or column that holds the class; it may be missing.</param>
    /// <exception cref="MerganserException">The file is missing, of an unknown kind, not UTF-8, or a line is not what its ending says.</exception>
    public static IReadOnlyList<TextExample> Read(string path, string textField = "text", string labelField = "label")
    {
        if (Directory.Exists(path))
            return Folder(path, textField, labelField);
        string kind = Kind(path) ?? throw new MerganserException($"{path}: is of no known kind; .txt, .jsonl, .tsv and .parquet are read, all but the last also with .gz behind");
        if (kind == ".parquet")
            return Table(path, textField, labelField);
        try
        {
            using Stream file = File.OpenRead(path);
            using Stream source = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
            using var reader = new StreamReader(source, new UTF8Encoding(false, throwOnInvalidBytes: true));
            if (kind == ".txt")
                return [new TextExample(Whole(reader, path), null)];
            var lines = new BoundedLines(reader, path, MaxCharacters);
            return kind == ".tsv" ? Rows(lines, path, textField, labelField) : Objects(lines, path, textField, labelField);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static List<TextExample> Folder(string path, string textField, string labelField)
    {
        string[] files = [.. Directory.EnumerateFiles(path).Where(file => Kind(file) is not null).Order(StringComparer.Ordinal)];
        if (files.Length > 0)
            return [.. files.SelectMany(file => Read(file, textField, labelField))];
        List<TextExample> classes =
        [
            .. Directory.EnumerateDirectories(path).Order(StringComparer.Ordinal)
                .SelectMany(inner => Directory.EnumerateFiles(inner).Where(file => Kind(file) == ".txt").Order(StringComparer.Ordinal)
                    .Select(file => Read(file)[0] with { Label = Path.GetFileName(inner) })),
        ];
        return classes.Count > 0 ? classes : throw new MerganserException($"{path}: holds no .txt, .jsonl, .tsv or .parquet files, nor folders of .txt files named after classes");
    }

    private static TextExample[] Table(string path, string textField, string labelField)
    {
        object?[]?[] columns = ParquetTable.Read(path, textField, "?" + labelField);
        var examples = new TextExample[columns[0]!.Length];
        for (int i = 0; i < examples.Length; i++)
        {
            string text = columns[0]![i] as string ?? throw new MerganserException($"{path}: row {i + 1} has no text in '{textField}'");
            examples[i] = new TextExample(text, columns[1]?[i] is { } label ? Convert.ToString(label, CultureInfo.InvariantCulture) : null);
        }

        return examples;
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

    private static List<TextExample> Rows(BoundedLines lines, string path, string textField, string labelField)
    {
        var examples = new List<TextExample>();
        string[]? names = null;
        while (lines.Next() is { } line)
        {
            if (string.IsNullOrWhiteSpace(line))
                continue;
            if (lines.Number == 1 && line.Split('\t') is var first && first.Contains(textField, StringComparer.Ordinal))
                names = first;
            else
                examples.Add(names is null ? Labelled(line, path, lines.Number) : Named(line.Split('\t'), names, textField, labelField, path, lines.Number));
        }

        return examples;
    }

    private static TextExample Labelled(string line, string path, int number)
    {
        int tab = line.IndexOf('\t', StringComparison.Ordinal);
        return tab > 0 ? new TextExample(line[(tab + 1)..], line[..tab]) : throw new MerganserException($"{path}:{number}: a line is a label, a tab and a text");
    }

    private static TextExample Named(string[] cells, string[] names, string textField, string labelField, string path, int number)
    {
        if (cells.Length != names.Length)
            throw new MerganserException($"{path}:{number}: has {cells.Length} cells; the first line names {names.Length} columns");
        int label = Array.IndexOf(names, labelField);
        return new TextExample(cells[Array.IndexOf(names, textField)], label < 0 ? null : cells[label]);
    }

    private static List<TextExample> Objects(BoundedLines lines, string path, string textField, string labelField)
    {
        var examples = new List<TextExample>();
        while (lines.Next() is { } line)
        {
            if (!string.IsNullOrWhiteSpace(line))
                examples.Add(Json(line, path, lines.Number, textField, labelField));
        }

        return examples;
    }

    private static TextExample Json(string line, string path, int number, string textField, string labelField)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 32 });
            JsonElement row = document.RootElement;
            if (row.ValueKind != JsonValueKind.Object || !row.TryGetProperty(textField, out JsonElement text) || text.ValueKind != JsonValueKind.String)
                throw new MerganserException($"{path}:{number}: the line is no object with a text in '{textField}'");
            string? label = row.TryGetProperty(labelField, out JsonElement named) && named.ValueKind != JsonValueKind.Null ? named.ToString() : null;
            return new TextExample(text.GetString()!, label);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new MerganserException($"{path}:{number}: is not JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static string? Kind(string path)
    {
        bool packed = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        return Path.GetExtension(packed ? path[..^3] : path).ToLowerInvariant() switch
        {
            ".txt" => ".txt",
            ".jsonl" => ".jsonl",
            ".tsv" => ".tsv",
            ".parquet" when !packed => ".parquet",
            _ => null,
        };
    }
}
