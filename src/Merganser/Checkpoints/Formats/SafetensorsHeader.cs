using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace Merganser.Checkpoints.Formats;

/// <summary>One tensor of a safetensors header; offsets count from the start of the data.</summary>
internal readonly record struct SafetensorsEntry(TensorInfo Info, long Begin, long End);

/// <summary>
/// The validated header of a safetensors file: tensors in the order of their bytes, without gaps or overlaps, filling the file
/// exactly. As in the format's reference an empty name is allowed and empty tensors take no bytes.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The length of a header in bytes beyond which files are refused.</summary>
    public const long LongestHeader = 100_000_000;

    private SafetensorsHeader(IReadOnlyList<SafetensorsEntry> entries, IReadOnlyDictionary<string, string> metadata, long dataStart)
    {
        Entries = entries;
        Metadata = metadata;
        DataStart = dataStart;
    }

    /// <summary>The tensors in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The pairs under <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The offset in the file where the data begin.</summary>
    public long DataStart { get; }

    /// <summary>Reads and checks the header of a file.</summary>
    /// <exception cref="MerganserException">The file is not valid safetensors.</exception>
    public static SafetensorsHeader Read(CheckpointFile file)
    {
        if (file.Length < 8)
            throw new MerganserException($"{file.Path}: {file.Length} bytes are too few for a safetensors file");
        Span<byte> prefix = stackalloc byte[8];
        file.Read(0, prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > LongestHeader)
            throw new MerganserException($"{file.Path}: the header claims {length} bytes, more than the {LongestHeader} allowed; not a safetensors file?");
        if ((long)length > file.Length - 8)
            throw new MerganserException($"{file.Path}: the header claims {length} bytes at offset 8, the file has {file.Length}; cut off?");
        byte[] json = new byte[(int)length];
        file.Read(8, json);
        return Parse(file.Path, json, file.Length - 8 - json.Length);
    }

    /// <summary>Checks header text for a file with <paramref name="dataLength"/> bytes behind it.</summary>
    /// <exception cref="MerganserException">The header is not valid.</exception>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long dataLength)
    {
        if (!Utf8.IsValid(json))
            throw new MerganserException($"{path}: the header is not UTF-8 text");
        try
        {
            var parser = new SafetensorsHeaderParser(path, json);
            parser.Run();
            List<SafetensorsEntry> entries = parser.Entries;
            entries.Sort(static (a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
            CheckCoverage(path, entries, dataLength);
            return new SafetensorsHeader(entries, parser.Metadata, 8 + json.Length);
        }
        catch (JsonException e)
        {
            throw new MerganserException($"{path}: the header is not the JSON of safetensors, near offset {8 + (e.BytePositionInLine ?? 0)}", e);
        }
        catch (InvalidOperationException e)
        {
            // Utf8JsonReader reports a string with half a surrogate pair this way.
            throw new MerganserException($"{path}: the header has a string that is not valid text", e);
        }
    }

    private static void CheckCoverage(string path, List<SafetensorsEntry> entries, long dataLength)
    {
        long end = 0;
        foreach (SafetensorsEntry entry in entries)
        {
            string name = Quoted.Name(entry.Info.Name);
            if (entry.End > dataLength)
                throw new MerganserException($"{path}: tensor {name} ends at offset {entry.End} of the data, which have {dataLength} bytes; cut off?");
            if (entry.Begin < end)
                throw new MerganserException($"{path}: tensor {name} begins at offset {entry.Begin} of the data and overlaps the tensor that ends at {end}");
            if (entry.Begin > end)
                throw new MerganserException($"{path}: tensor {name} begins at offset {entry.Begin} of the data and leaves a hole from {end}");
            end = entry.End;
        }

        if (end != dataLength)
            throw new MerganserException($"{path}: the tensors end at offset {end} of the data, which have {dataLength} bytes");
    }
}
