using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints;

/// <summary>Where a tensor goes: the index of its file and the offset in that file.</summary>
public readonly record struct TensorPlace(int File, long Offset);

/// <summary>A safetensors file to be written.</summary>
/// <param name="Name">The name in the output folder.</param>
/// <param name="Header">The length prefix and the header, padded with blanks so that the data begin at a multiple of 8.</param>
/// <param name="Length">The length of the whole file in bytes.</param>
/// <param name="Tensors">The indices of its tensors, in the order of their bytes.</param>
public sealed record ShardFile(string Name, ImmutableArray<byte> Header, long Length, ImmutableArray<int> Tensors);

/// <summary>
/// The files of a safetensors model before a byte is written: every tensor's file and offset are known. Tensors fill shards in
/// the given order until adding one would exceed the limit. Within a file wider element types come first, otherwise the order
/// is as given, so that every tensor begins at a multiple of its element size and no holes are needed.
/// </summary>
public sealed class ShardLayout
{
    private readonly TensorPlace[] _places;
    private readonly ShardFile[] _files;

    private ShardLayout(ImmutableArray<TensorInfo> tensors, TensorPlace[] places, ShardFile[] files)
    {
        Tensors = tensors;
        _places = places;
        _files = files;
        TotalBytes = tensors.Sum(tensor => tensor.ByteCount);
    }

    /// <summary>The tensors in the order in which they were given.</summary>
    public ImmutableArray<TensorInfo> Tensors { get; }

    /// <summary>The files: one <c>model.safetensors</c>, or numbered shards.</summary>
    public IReadOnlyList<ShardFile> Files => _files;

    /// <summary>The sum of the tensors' bytes.</summary>
    public long TotalBytes { get; }

    /// <summary>True when there are several files, so that <c>model.safetensors.index.json</c> is written too.</summary>
    public bool HasIndex => _files.Length > 1;

    /// <summary>The place of a tensor by its index in <see cref="Tensors"/>.</summary>
    public TensorPlace Place(int tensor) => _places[tensor];

    /// <summary>Plans the files.</summary>
    /// <param name="tensors">The tensors, each name once.</param>
    /// <param name="maxShardBytes">Most tensor bytes in a file; a larger tensor gets a file of its own. 0 or less: one file.</param>
    /// <param name="metadata">The <c>__metadata__</c> of every file; null gives <c>{"format": "pt"}</c>, which loaders expect.</param>
    /// <exception cref="ArgumentException">A name stands twice or is <c>__metadata__</c>.</exception>
    /// <exception cref="MerganserException">A header would be longer than readers accept.</exception>
    public static ShardLayout Create(IReadOnlyList<TensorInfo> tensors, long maxShardBytes, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var names = new HashSet<string>(tensors.Count, StringComparer.Ordinal);
        foreach (TensorInfo tensor in tensors)
        {
            if (tensor.Name == "__metadata__" || !names.Add(tensor.Name))
                throw new ArgumentException($"the tensor name '{tensor.Name}' is reserved or stands twice", nameof(tensors));
        }

        metadata ??= new Dictionary<string, string> { ["format"] = "pt" };
        List<List<int>> shards = Divide(tensors, maxShardBytes);
        var places = new TensorPlace[tensors.Count];
        var files = new ShardFile[shards.Count];
        for (int file = 0; file < files.Length; file++)
        {
            int[] order = [.. shards[file].OrderByDescending(index => tensors[index].DType.Size())];
            byte[] header = WriteHeader(tensors, order, metadata);
            long offset = header.Length;
            foreach (int index in order)
            {
                places[index] = new TensorPlace(file, offset);
                offset = checked(offset + tensors[index].ByteCount);
            }

            string name = files.Length == 1
                ? "model.safetensors"
                : string.Create(CultureInfo.InvariantCulture, $"model-{file + 1:D5}-of-{files.Length:D5}.safetensors");
            files[file] = new ShardFile(name, ImmutableCollectionsMarshal.AsImmutableArray(header), offset, [.. order]);
        }

        return new ShardLayout([.. tensors], places, files);
    }

    /// <summary>The text of <c>model.safetensors.index.json</c>.</summary>
    public byte[] IndexJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata"u8);
            json.WriteNumber("total_size"u8, TotalBytes);
            json.WriteEndObject();
            json.WriteStartObject("weight_map"u8);
            for (int i = 0; i < Tensors.Length; i++)
                json.WriteString(Tensors[i].Name, _files[_places[i].File].Name);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    private static List<List<int>> Divide(IReadOnlyList<TensorInfo> tensors, long maxShardBytes)
    {
        List<List<int>> shards = [[]];
        long bytes = 0;
        for (int i = 0; i < tensors.Count; i++)
        {
            long size = tensors[i].ByteCount;
            if (maxShardBytes > 0 && shards[^1].Count > 0 && size > maxShardBytes - bytes)
            {
                shards.Add([]);
                bytes = 0;
            }

            shards[^1].Add(i);
            bytes = checked(bytes + size);
        }

        return shards;
    }

    private static byte[] WriteHeader(IReadOnlyList<TensorInfo> tensors, int[] order, IReadOnlyDictionary<string, string> metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject("__metadata__"u8);
                foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    json.WriteString(key, value);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (int index in order)
                WriteTensor(json, tensors[index], ref offset);
            json.WriteEndObject();
        }

        int length = (buffer.WrittenCount + 7) & ~7;
        if (length > SafetensorsHeader.LongestHeader)
            throw new MerganserException($"the names of {order.Length} tensors make a header of {length} bytes, more than the {SafetensorsHeader.LongestHeader} that readers accept; use smaller shards");
        byte[] bytes = new byte[8 + length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)length);
        buffer.WrittenSpan.CopyTo(bytes.AsSpan(8));
        bytes.AsSpan(8 + buffer.WrittenCount).Fill((byte)' ');
        return bytes;
    }

    private static void WriteTensor(Utf8JsonWriter json, TensorInfo tensor, ref long offset)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype"u8, tensor.DType.SafetensorsName());
        json.WriteStartArray("shape"u8);
        foreach (long extent in tensor.Shape)
            json.WriteNumberValue(extent);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets"u8);
        json.WriteNumberValue(offset);
        offset = checked(offset + tensor.ByteCount);
        json.WriteNumberValue(offset);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
