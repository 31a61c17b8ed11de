using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Merganser.Checkpoints.Gguf;

/// <summary>The kinds of values in GGUF metadata.</summary>
internal enum GgufValueKind : uint
{
    U8, I8, U16, I16, U32, I32, F32, Bool, Text, Array, U64, I64, F64,
}

/// <summary>Writes the key-value pairs of a GGUF header.</summary>
internal sealed class GgufMetadata
{
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly HashSet<string> _keys = new(StringComparer.Ordinal);

    public int Count => _keys.Count;

    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    public void Add(string key, string value)
    {
        Begin(key, GgufValueKind.Text);
        Text(_bytes, value);
    }

    public void Add(string key, uint value)
    {
        Begin(key, GgufValueKind.U32);
        U32(_bytes, value);
    }

    public void Add(string key, float value)
    {
        Begin(key, GgufValueKind.F32);
        U32(_bytes, BitConverter.SingleToUInt32Bits(value));
    }

    public void Add(string key, bool value)
    {
        Begin(key, GgufValueKind.Bool);
        _bytes.Write([value ? (byte)1 : (byte)0]);
    }

    public void Add(string key, IReadOnlyCollection<string> values)
    {
        BeginArray(key, GgufValueKind.Text, values.Count);
        foreach (string value in values)
            Text(_bytes, value);
    }

    public void Add(string key, IReadOnlyCollection<float> values)
    {
        BeginArray(key, GgufValueKind.F32, values.Count);
        foreach (float value in values)
            U32(_bytes, BitConverter.SingleToUInt32Bits(value));
    }

    public void Add(string key, IReadOnlyCollection<int> values)
    {
        BeginArray(key, GgufValueKind.I32, values.Count);
        foreach (int value in values)
            U32(_bytes, unchecked((uint)value));
    }

    internal static void Text(IBufferWriter<byte> writer, string value)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(value);
        U64(writer, (ulong)utf8.Length);
        writer.Write(utf8);
    }

    internal static void U32(IBufferWriter<byte> writer, uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(writer.GetSpan(4), value);
        writer.Advance(4);
    }

    internal static void U64(IBufferWriter<byte> writer, ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(writer.GetSpan(8), value);
        writer.Advance(8);
    }

    private void Begin(string key, GgufValueKind kind)
    {
        if (!_keys.Add(key))
            throw new ArgumentException($"{key} is there already", nameof(key));
        Text(_bytes, key);
        U32(_bytes, (uint)kind);
    }

    private void BeginArray(string key, GgufValueKind kind, int count)
    {
        Begin(key, GgufValueKind.Array);
        U32(_bytes, (uint)kind);
        U64(_bytes, (ulong)count);
    }
}
