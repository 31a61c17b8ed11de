using System.Collections.Immutable;
using System.Text.Json;

namespace Merganser.Checkpoints.Formats;

/// <summary>Walks the JSON of a header; knows its three levels and nothing deeper.</summary>
internal ref struct SafetensorsHeaderParser
{
    private const int MostDimensions = 64;

    private readonly string _path;
    private readonly HashSet<string> _names;
    private Utf8JsonReader _reader;

    public SafetensorsHeaderParser(string path, ReadOnlySpan<byte> json)
    {
        _path = path;
        _names = new HashSet<string>(StringComparer.Ordinal);
        _reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 3 });
        Entries = [];
        Metadata = new Dictionary<string, string>(StringComparer.Ordinal);
    }

    /// <summary>The tensors in the order of the text.</summary>
    public List<SafetensorsEntry> Entries { get; }

    /// <summary>The pairs under <c>__metadata__</c>.</summary>
    public Dictionary<string, string> Metadata { get; }

    private readonly long Offset => 8 + _reader.TokenStartIndex;

    public void Run()
    {
        if (!_reader.Read() || _reader.TokenType != JsonTokenType.StartObject)
            throw new MerganserException($"{_path}: the header is not a JSON object");
        while (NextName(out string name))
        {
            if (!_names.Add(name))
                throw new MerganserException($"{_path}: {Quoted.Name(name)} stands twice in the header, again at offset {Offset}");
            if (name == "__metadata__")
                ReadMetadata();
            else
                ReadTensor(name);
        }

        if (_reader.Read())
            throw new MerganserException($"{_path}: the header goes on behind its end at offset {Offset}");
    }

    private bool NextName(out string name)
    {
        _reader.Read();
        if (_reader.TokenType == JsonTokenType.EndObject)
        {
            name = "";
            return false;
        }

        name = _reader.GetString()!;
        return true;
    }

    private void ReadMetadata()
    {
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.StartObject)
            throw new MerganserException($"{_path}: '__metadata__' at offset {Offset} is not an object");
        while (NextName(out string key))
        {
            _reader.Read();
            if (_reader.TokenType != JsonTokenType.String)
                throw new MerganserException($"{_path}: metadata {Quoted.Name(key)} at offset {Offset} is not a string");
            if (!Metadata.TryAdd(key, _reader.GetString()!))
                throw new MerganserException($"{_path}: metadata {Quoted.Name(key)} stands twice, again at offset {Offset}");
        }
    }

    private void ReadTensor(string name)
    {
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.StartObject)
            throw Bad(name, "is not an object");
        DType? type = null;
        ImmutableArray<long>? shape = null;
        ImmutableArray<long>? offsets = null;
        while (NextName(out string key))
        {
            switch (key)
            {
                case "dtype" when type is null:
                    type = ReadType(name);
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(name, key, MostDimensions);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(name, key, 2);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw Bad(name, $"gives {key} twice");
                default:
                    throw Bad(name, $"has the unknown key {Quoted.Name(key)}");
            }
        }

        if (type is null || shape is null || offsets is not { Length: 2 } range)
            throw Bad(name, type is null ? "lacks dtype" : shape is null ? "lacks shape" : "lacks data_offsets [begin, end]");
        Entries.Add(MakeEntry(name, type.Value, shape.Value, range[0], range[1]));
    }

    private readonly SafetensorsEntry MakeEntry(string name, DType type, ImmutableArray<long> shape, long begin, long end)
    {
        string shapeText = string.Join(", ", shape);
        Int128 bytes = type.Size();
        foreach (long extent in shape)
        {
            bytes *= extent;
            if (bytes > long.MaxValue)
                throw Bad(name, $"has shape [{shapeText}], more than 2^63 bytes");
        }

        if (begin > end)
            throw Bad(name, $"has data_offsets [{begin}, {end}] that run backwards");
        if (end - begin != bytes)
            throw Bad(name, $"has data_offsets [{begin}, {end}] of {end - begin} bytes, but {type.SafetensorsName()} [{shapeText}] needs {bytes}");
        return new SafetensorsEntry(new TensorInfo(name, type, shape), begin, end);
    }

    private DType ReadType(string name)
    {
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.String)
            throw Bad(name, "has a dtype that is not a string");
        string text = _reader.GetString()!;
        return DTypes.TryParseSafetensors(text, out DType type) ? type : throw Bad(name, $"has the unknown dtype {Quoted.Name(text)}");
    }

    private ImmutableArray<long> ReadNumbers(string name, string key, int most)
    {
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.StartArray)
            throw Bad(name, $"has a {key} that is not a list");
        ImmutableArray<long>.Builder numbers = ImmutableArray.CreateBuilder<long>();
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt64(out long number) || number < 0)
                throw Bad(name, $"has a {key} entry that is not a whole number from 0 to 2^63-1");
            if (numbers.Count == most)
                throw Bad(name, $"has more than {most} entries in {key}");
            numbers.Add(number);
        }

        return numbers.ToImmutable();
    }

    private readonly MerganserException Bad(string name, string what) => new($"{_path}: tensor {Quoted.Name(name)} {what}, at offset {Offset}");
}
