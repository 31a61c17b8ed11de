using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Merganser.Tests.Checkpoints;

/// <summary>Writes archives as PyTorch does: a small pickler and stored zip entries.</summary>
internal sealed class TorchArchive
{
    private readonly List<byte> _pickle = [];
    private readonly Dictionary<string, byte[]> _storages = [];

    public TorchArchive(int protocol = 2) => Raw(0x80, (byte)protocol);

    public string ByteOrder { get; set; } = "little";

    public CompressionLevel Compression { get; set; } = CompressionLevel.NoCompression;

    public byte[] Pickle => _pickle.ToArray();

    public TorchArchive Raw(params byte[] bytes)
    {
        _pickle.AddRange(bytes);
        return this;
    }

    public TorchArchive Code(char code) => Raw((byte)code);

    public TorchArchive Global(string module, string name) => Raw([(byte)'c', .. Encoding.UTF8.GetBytes($"{module}\n{name}\n")]);

    public TorchArchive Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        return Raw([(byte)'X', .. length, .. bytes]);
    }

    public TorchArchive Number(long number)
    {
        if (number is >= 0 and < 256)
            return Raw((byte)'K', (byte)number);
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        return Raw([0x8a, 8, .. bytes]);
    }

    public TorchArchive Numbers(params long[] numbers)
    {
        Code('(');
        foreach (long number in numbers)
            Number(number);
        return Code('t');
    }

    /// <summary>Starts a dictionary and its items; closed by <see cref="EndDict"/>.</summary>
    public TorchArchive BeginDict(bool ordered = true) => ordered ? Global("collections", "OrderedDict").Raw((byte)')', (byte)'R', (byte)'(') : Raw((byte)'}', (byte)'(');

    public TorchArchive EndDict() => Code('u');

    public TorchArchive Storage(string kind, string key, long count, byte[]? bytes = null)
    {
        if (bytes is not null)
            _storages[key] = bytes;
        return Code('(').Text("storage").Global(kind.StartsWith("Untyped", StringComparison.Ordinal) ? "torch.storage" : "torch", kind).Text(key).Text("cpu").Number(count).Code('t').Code('Q');
    }

    /// <summary>A tensor in the way that all versions since 0.4 write it.</summary>
    public TorchArchive Tensor(string kind, string key, byte[] bytes, int size, long offset, long[] shape, long[] strides) =>
        Global("torch._utils", "_rebuild_tensor_v2").Code('(').Storage(kind, key, bytes.Length / size, bytes).Number(offset).Numbers(shape).Numbers(strides)
            .Raw(0x89).BeginDictOfHooks().Code('t').Code('R');

    public TorchArchive BeginDictOfHooks() => Global("collections", "OrderedDict").Raw((byte)')', (byte)'R');

    public void Save(string path)
    {
        using FileStream stream = File.Create(path);
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create);
        Add(zip, "archive/data.pkl", [.. _pickle.ToArray(), (byte)'.'], Compression);
        Add(zip, "archive/byteorder", Encoding.ASCII.GetBytes(ByteOrder), CompressionLevel.NoCompression);
        foreach ((string key, byte[] bytes) in _storages)
            Add(zip, "archive/data/" + key, bytes, CompressionLevel.NoCompression);
        Add(zip, "archive/version", "3\n"u8.ToArray(), CompressionLevel.NoCompression);
    }

    private static void Add(ZipArchive zip, string name, byte[] bytes, CompressionLevel compression)
    {
        using Stream entry = zip.CreateEntry(name, compression).Open();
        entry.Write(bytes);
    }
}
