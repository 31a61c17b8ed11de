using System.Buffers.Binary;
using System.Text;

namespace Merganser.Checkpoints.Gguf;

/// <summary>Reads the header of a GGUF file from front to back; every length is checked against what is left before memory is taken.</summary>
internal sealed class GgufHeaderReader(CheckpointFile file)
{
    // The largest vocabularies with merges take some 20 MB.
    private const long LongestHeader = 256L << 20;
    private const int LongestName = 65_535;

    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly long _end = Math.Min(file.Length, LongestHeader);
    private long _bufferStart;
    private int _bufferLength;

    public long Position { get; private set; }

    public long Left => _end - Position;

    public uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>A count of things of at least <paramref name="minimumBytes"/> each.</summary>
    public int Count(int minimumBytes, string what)
    {
        ulong count = U64();
        if (count > (ulong)(Left / minimumBytes))
            throw Bad($"{count} {what} do not fit in the rest of the header");
        return (int)count;
    }

    public string Name()
    {
        string name = Text();
        return name.Length is > 0 and <= LongestName ? name : throw Bad($"a name has {name.Length} characters");
    }

    public string Text()
    {
        int length = Count(1, "bytes of a text");
        byte[] bytes = new byte[length];
        Fill(bytes);
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            // Vocabularies of damaged tokenizers hold such pieces; the text is only shown, never compared.
            return Encoding.UTF8.GetString(bytes);
        }
    }

    /// <summary>A value: a number, a bool, a text, or an array of these.</summary>
    public object Value(GgufValueKind kind, bool inArray = false) => kind switch
    {
        GgufValueKind.U8 => Take(1)[0],
        GgufValueKind.I8 => (sbyte)Take(1)[0],
        GgufValueKind.U16 => BinaryPrimitives.ReadUInt16LittleEndian(Take(2)),
        GgufValueKind.I16 => BinaryPrimitives.ReadInt16LittleEndian(Take(2)),
        GgufValueKind.U32 => U32(),
        GgufValueKind.I32 => (int)U32(),
        GgufValueKind.F32 => BitConverter.UInt32BitsToSingle(U32()),
        GgufValueKind.Bool => Take(1)[0] != 0,
        GgufValueKind.Text => Text(),
        GgufValueKind.U64 => U64(),
        GgufValueKind.I64 => (long)U64(),
        GgufValueKind.F64 => BitConverter.UInt64BitsToDouble(U64()),
        GgufValueKind.Array when !inArray => Array(),
        GgufValueKind.Array => throw Bad("an array holds arrays"),
        _ => throw Bad($"there is no kind of value {(uint)kind}"),
    };

    public MerganserException Bad(string what) => new($"{file.Path}: not a valid GGUF file: {what}, at offset {Position}");

    private static UTF8Encoding StrictUtf8 { get; } = new(false, throwOnInvalidBytes: true);

    private object[] Array()
    {
        var kind = (GgufValueKind)U32();
        int minimum = kind switch
        {
            GgufValueKind.U8 or GgufValueKind.I8 or GgufValueKind.Bool => 1,
            GgufValueKind.U16 or GgufValueKind.I16 => 2,
            GgufValueKind.U32 or GgufValueKind.I32 or GgufValueKind.F32 => 4,
            _ => 8,
        };
        object[] values = new object[Count(minimum, "elements of an array")];
        for (int i = 0; i < values.Length; i++)
            values[i] = Value(kind, inArray: true);
        return values;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > Left)
            throw Bad("the header ends too early");
        if (Position < _bufferStart || Position + count > _bufferStart + _bufferLength)
        {
            _bufferStart = Position;
            _bufferLength = (int)Math.Min(_buffer.Length, Left);
            file.Read(_bufferStart, _buffer.AsSpan(0, _bufferLength));
        }

        ReadOnlySpan<byte> bytes = _buffer.AsSpan((int)(Position - _bufferStart), count);
        Position += count;
        return bytes;
    }

    private void Fill(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            ReadOnlySpan<byte> part = Take(Math.Min(destination.Length, _buffer.Length));
            part.CopyTo(destination);
            destination = destination[part.Length..];
        }
    }
}
