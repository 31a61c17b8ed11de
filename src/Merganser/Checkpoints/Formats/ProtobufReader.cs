namespace Merganser.Checkpoints.Formats;

/// <summary>The fields of one protocol buffer message.</summary>
internal ref struct ProtobufReader(ReadOnlySpan<byte> bytes, string path)
{
    private readonly ReadOnlySpan<byte> _all = bytes;
    private readonly string _path = path;
    private int _at;

    /// <summary>The number of the field.</summary>
    public int Number { get; private set; }

    /// <summary>The bytes of a field that is no number.</summary>
    public ReadOnlySpan<byte> Content { get; private set; }

    /// <summary>The value of a field that is a number.</summary>
    public ulong Value { get; private set; }

    /// <summary>The field with its tag, as it stands in the message.</summary>
    public ReadOnlySpan<byte> Raw { get; private set; }

    public static MerganserException Bad(string path, string what) => new($"{path}: not a valid SentencePiece model: {what}");

    public bool Next()
    {
        if (_at >= _all.Length)
            return false;
        int start = _at;
        ulong tag = Varint();
        Number = (int)Math.Min(tag >> 3, int.MaxValue);
        Content = default;
        Value = 0;
        switch (tag & 7)
        {
            case 0:
                Value = Varint();
                break;
            case 1:
                Content = Take(8);
                break;
            case 2:
                Content = Take(Varint());
                break;
            case 5:
                Content = Take(4);
                break;
            default:
                throw Bad(_path, $"wire type {tag & 7} at offset {start}");
        }

        Raw = _all[start.._at];
        return true;
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)(_all.Length - _at))
            throw Bad(_path, $"a field at offset {_at} is longer than what is left");
        ReadOnlySpan<byte> taken = _all.Slice(_at, (int)count);
        _at += (int)count;
        return taken;
    }

    private ulong Varint()
    {
        ulong result = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Take(1)[0];
            result |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return result;
        }

        throw Bad(_path, $"a number at offset {_at} is too long");
    }
}
