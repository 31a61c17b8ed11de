using System.Collections.Immutable;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Gguf;

/// <summary>
/// Reads GGUF files (versions 2 and 3) with F32, F16, BF16 and Q8_0 tensors. Tensors keep the names of the file; Q8_0 is read
/// as 32-bit floats. Files with other element types are refused by the type's name.
/// </summary>
public sealed class GgufFile
{
    private const int MostDimensions = 4;
    private const uint Magic = 0x46554747;

    private GgufFile(Checkpoint weights, IReadOnlyDictionary<string, object> values, IReadOnlyDictionary<string, GgufType> types)
    {
        Weights = weights;
        Values = values;
        Types = types;
    }

    /// <summary>The tensors; disposing it closes the file.</summary>
    public Checkpoint Weights { get; }

    /// <summary>The metadata: numbers in their stored type, bools, texts, and arrays of these as <c>object[]</c>.</summary>
    public IReadOnlyDictionary<string, object> Values { get; }

    /// <summary>The stored element type of each tensor.</summary>
    public IReadOnlyDictionary<string, GgufType> Types { get; }

    /// <summary>True when the file begins with GGUF's magic number.</summary>
    public static bool IsGguf(CheckpointFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (file.Length < 4)
            return false;
        Span<byte> magic = stackalloc byte[4];
        file.Read(0, magic);
        return magic.SequenceEqual("GGUF"u8);
    }

    /// <summary>Opens a file.</summary>
    /// <exception cref="MerganserException">It is no valid GGUF file, or has tensors of another type.</exception>
    public static GgufFile Open(string path)
    {
        CheckpointFile file = CheckpointFile.Open(path);
        try
        {
            return Read(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads an open file and takes it over; <paramref name="origin"/> becomes the checkpoint's path.</summary>
    internal static GgufFile Read(string origin, CheckpointFile file)
    {
        var reader = new GgufHeaderReader(file);
        if (reader.Left < 24 || reader.U32() != Magic)
            throw reader.Bad("it does not begin with GGUF and two counts");
        uint version = reader.U32();
        if (version is not (2 or 3))
            throw reader.Bad($"version {version} is not 2 or 3 (or the file is big-endian)");
        int tensorCount = reader.Count(24, "tensors");
        int valueCount = reader.Count(13, "metadata values");

        var values = new Dictionary<string, object>(StringComparer.Ordinal);
        for (int i = 0; i < valueCount; i++)
        {
            string key = reader.Name();
            if (!values.TryAdd(key, reader.Value((GgufValueKind)reader.U32())))
                throw reader.Bad($"the key {Quoted.Name(key)} stands twice");
        }

        var tensors = new GgufTensor[tensorCount];
        for (int i = 0; i < tensorCount; i++)
            tensors[i] = ReadTensor(reader);
        long alignment = values.TryGetValue("general.alignment", out object? set) ? set as uint? ?? 0 : GgufLayout.Alignment;
        if (alignment <= 0 || alignment % 8 != 0)
            throw reader.Bad("general.alignment must be a positive multiple of 8");
        long dataStart = checked((reader.Position + alignment - 1) / alignment * alignment);
        CheckPlaces(reader, file, tensors, alignment, dataStart);

        IEnumerable<TensorSource> sources = tensors.Select(TensorSource (tensor) =>
        {
            var info = new TensorInfo(tensor.Name, tensor.Type.ToDType(), tensor.Shape);
            return tensor.Type == GgufType.Q8
                ? new Q8TensorSource(info, file, dataStart + tensor.Offset)
                : new FileTensorSource(info, file, dataStart + tensor.Offset);
        });
        var weights = new Checkpoint(origin, sources, [file]) { Metadata = Scalars(values) };
        return new GgufFile(weights, values, tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Type, StringComparer.Ordinal));
    }

    private static GgufTensor ReadTensor(GgufHeaderReader reader)
    {
        string name = reader.Name();
        uint dimensions = reader.U32();
        if (dimensions > MostDimensions)
            throw reader.Bad($"tensor {Quoted.Name(name)} has {dimensions} dimensions");
        long[] shape = new long[dimensions];
        long elements = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            ulong extent = reader.U64();
            if (extent > (ulong)(long.MaxValue / 8) || (extent > 0 && elements > long.MaxValue / 8 / (long)extent))
                throw reader.Bad($"tensor {Quoted.Name(name)} is too large");
            shape[i] = (long)extent;
            elements *= shape[i];
        }

        uint number = reader.U32();
        if (!GgufTypes.TryGet(number, out GgufType type))
            throw reader.Bad($"tensor {Quoted.Name(name)} is of type {GgufTypes.NameOf(number)}; only F32, F16, BF16 and Q8_0 can be read: convert the original model, or dequantise the file first");
        if (type == GgufType.Q8 && (shape.Length == 0 || shape[^1] % Q8Blocks.Length != 0))
            throw reader.Bad($"tensor {Quoted.Name(name)} is Q8_0 with rows that are no multiple of {Q8Blocks.Length}");
        ulong offset = reader.U64();
        if (offset > long.MaxValue / 2)
            throw reader.Bad($"tensor {Quoted.Name(name)} begins at {offset}");
        return new GgufTensor(name, type, ImmutableArray.Create(shape), (long)offset);
    }

    private static void CheckPlaces(GgufHeaderReader reader, CheckpointFile file, GgufTensor[] tensors, long alignment, long dataStart)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        long end = 0;
        foreach (GgufTensor tensor in tensors.OrderBy(tensor => tensor.Offset))
        {
            if (!names.Add(tensor.Name))
                throw reader.Bad($"tensor {Quoted.Name(tensor.Name)} stands twice");
            long length = tensor.Type.Bytes(tensor.Shape.Aggregate(1L, (count, extent) => count * extent));
            if (tensor.Offset % alignment != 0 || tensor.Offset < end || length > file.Length - dataStart - tensor.Offset)
                throw reader.Bad($"tensor {Quoted.Name(tensor.Name)} at offset {tensor.Offset} with {length} bytes is not aligned, overlaps another or leaves the file");
            end = tensor.Offset + length;
        }
    }

    private static Dictionary<string, string> Scalars(Dictionary<string, object> values) =>
        values.Where(pair => pair.Value is not object[])
            .ToDictionary(pair => pair.Key, pair => Convert.ToString(pair.Value, System.Globalization.CultureInfo.InvariantCulture) ?? "", StringComparer.Ordinal);
}
