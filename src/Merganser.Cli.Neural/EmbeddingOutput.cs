using System.CommandLine;
using System.Text;

namespace Merganser.Cli.Neural;

/// <summary>Where vectors go: a file by its ending, or JSON lines to standard output. A file appears under its name when it is whole.</summary>
internal sealed class EmbeddingOutput
{
    private readonly Option<string> _out = new("--out", "-o") { Description = "file: .npy, .safetensors or .jsonl; left out: JSON lines to standard output" };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "replace the file if it exists" };

    public void AddTo(Command command)
    {
        command.Add(_out);
        command.Add(_overwrite);
    }

    /// <summary>Wrong options are told before the model is loaded.</summary>
    public void Check(ParseResult parsed)
    {
        if (parsed.GetValue(_out) is not { } path)
            return;
        Format(path);
        if (Directory.Exists(path))
            throw new MerganserException($"{path}: is a folder; --out is a file");
        if (File.Exists(path) && !parsed.GetValue(_overwrite))
            throw new MerganserException($"{path}: exists; give --overwrite to replace it");
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder))
            throw new MerganserException($"{path}: there is no folder '{folder}'");
    }

    /// <summary>Writes what <paramref name="write"/> gives.</summary>
    public void Print(ParseResult parsed, int count, IReadOnlyDictionary<string, string> metadata, Action<VectorWriter> write)
    {
        if (parsed.GetValue(_out) is not { } path)
        {
            using var line = new MemoryStream();
            using var lines = new VectorWriter(line, VectorFormat.Jsonl, count, metadata, () =>
            {
                // Standard output takes text.
                parsed.InvocationConfiguration.Output.Write(Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length));
                line.SetLength(0);
            });
            write(lines);
            return;
        }

        string part = path + ".part";
        try
        {
            using (var writer = new VectorWriter(new FileStream(part, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16), Format(path), count, metadata))
                write(writer);
            File.Move(part, path, parsed.GetValue(_overwrite));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be written: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        finally
        {
            File.Delete(part);
        }
    }

    private static VectorFormat Format(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".npy" => VectorFormat.Npy,
        ".safetensors" => VectorFormat.Safetensors,
        ".jsonl" => VectorFormat.Jsonl,
        _ => throw new MerganserException($"{path}: --out must end with .npy, .safetensors or .jsonl"),
    };
}
