using System.Runtime.CompilerServices;
using System.Text.Json;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>
/// The model of a tokenizer.json, streamed straight into flat tables: no string and no object per token.
/// </summary>
internal ref struct ModelJsonReader(ReadOnlySpan<byte> json, string file)
{
    private const int LongestToken = 1 << 20;

    private readonly ReadOnlySpan<byte> _json = json;
    private readonly string _file = file;
    private readonly Dictionary<string, JsonElement> _options = new(StringComparer.Ordinal);
    private Vocabulary? _vocabulary;
    private double[]? _scores; // of a list of pieces
    private MergeTable? _merges;
    private int _mergesAt = -1; // where merges begin that could not be read yet
    private byte[] _left = [];
    private byte[] _right = [];

    /// <summary>Reads the model at the reader's position (the beginning of an object).</summary>
    public TokenizerModel Read(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Bad("model", "must be an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            switch (name)
            {
                case "vocab":
                    if (_vocabulary is not null)
                        throw Bad("model.vocab", "is there twice");
                    ReadVocabulary(ref reader);
                    break;
                case "merges":
                    if (_merges is not null || _mergesAt >= 0)
                        throw Bad("model.merges", "is there twice");
                    // They need the vocabulary and the prefix, which nearly all files put before them.
                    if (_vocabulary is not null && _scores is null && _options.ContainsKey("continuing_subword_prefix"))
                    {
                        ReadMerges(ref reader, _json);
                    }
                    else
                    {
                        _mergesAt = (int)reader.TokenStartIndex;
                        reader.Skip();
                    }

                    break;
                default:
                    if (!_options.TryAdd(name, JsonElement.ParseValue(ref reader)))
                        throw Bad($"model.{name}", "is there twice");
                    break;
            }
        }

        if (_vocabulary is null)
            throw Bad("model.vocab", "is missing");
        return Build();
    }

    /// <summary>Reads an object from token to id.</summary>
    public Vocabulary ReadVocabularyAlone(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new MerganserException($"{_file}: must hold a JSON object from token to id");
        ReadVocabulary(ref reader);
        return _vocabulary!;
    }

    private TokenizerModel Build()
    {
        var part = new JsonPart(ToObject(_options), _file, "model");
        Vocabulary vocabulary = _vocabulary!;
        string type = part.Find("type")?.AsText() ?? Infer();
        try
        {
            if (type == "Unigram" != _scores is not null)
                throw Bad("model.vocab", _scores is null ? "a Unigram model needs a list of [piece, score]" : "only a Unigram model has a list of [piece, score]");
            return type switch
            {
                "BPE" => BuildBpe(part, vocabulary),
                "Unigram" => new UnigramModel(vocabulary, _scores!)
                {
                    UnkId = part.Find("unk_id")?.AsNumber(),
                    ByteFallback = part.Flag("byte_fallback", false),
                },
                "WordPiece" => new WordPieceModel(vocabulary)
                {
                    UnkToken = part.Text("unk_token", "[UNK]"),
                    ContinuingSubwordPrefix = part.Text("continuing_subword_prefix", "##"),
                    MaxInputCharsPerWord = part.Number("max_input_chars_per_word", 100),
                },
                "WordLevel" => new WordLevelModel(vocabulary) { UnkToken = part.Text("unk_token", "<unk>") },
                _ => throw part.Bad($"type {Quoted.Name(type)} is not a known model"),
            };
        }
        catch (MerganserException e)
        {
            throw part.Located(e);
        }
    }

    private BpeModel BuildBpe(JsonPart part, Vocabulary vocabulary)
    {
        if (_mergesAt >= 0)
        {
            var reader = new Utf8JsonReader(_json[_mergesAt..], TokenizerJson.ReaderOptions);
            reader.Read();
            ReadMerges(ref reader, _json[_mergesAt..]);
        }

        return new BpeModel(vocabulary, _merges ?? throw part.Bad("'merges' is missing"))
        {
            Dropout = part.Find("dropout") is { } dropout ? Real(dropout) : null,
            UnkToken = part.Find("unk_token")?.AsText(),
            EndOfWordSuffix = part.Text("end_of_word_suffix", ""),
            FuseUnk = part.Flag("fuse_unk", false),
            ByteFallback = part.Flag("byte_fallback", false),
            IgnoreMerges = part.Flag("ignore_merges", false),
        };
    }

    /// <summary>The type of files that were written before it was.</summary>
    private readonly string Infer()
    {
        if (_merges is not null || _mergesAt >= 0)
            return "BPE";
        if (_scores is not null)
            return "Unigram";
        return _options.ContainsKey("continuing_subword_prefix") || _options.ContainsKey("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // runs once per load, over all tokens: no time to warm up
    private void ReadVocabulary(ref Utf8JsonReader reader)
    {
        var builder = new Vocabulary.Builder();
        try
        {
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    ReadOnlySpan<byte> token = Bytes(ref reader, ref _left);
                    reader.Read();
                    if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id))
                        throw Bad("model.vocab", $"the id of {Show(token)} must be a whole number");
                    builder.Add(token, id);
                }
            }
            else if (reader.TokenType == JsonTokenType.StartArray)
            {
                List<double> scores = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    if (reader.TokenType != JsonTokenType.StartArray || !reader.Read() || reader.TokenType != JsonTokenType.String)
                        throw Bad($"model.vocab[{scores.Count}]", "must be [piece, score]");
                    ReadOnlySpan<byte> piece = Bytes(ref reader, ref _left);
                    builder.Add(piece, scores.Count);
                    if (!reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetDouble(out double score) || !reader.Read() || reader.TokenType != JsonTokenType.EndArray)
                        throw Bad($"model.vocab[{scores.Count}]", "must be [piece, score]");
                    scores.Add(score);
                }

                _scores = [.. scores];
            }
            else
            {
                throw Bad("model.vocab", "must be an object or a list");
            }

            _vocabulary = builder.Build();
        }
        catch (MerganserException e)
        {
            throw new JsonPart(default, _file, "model.vocab").Located(e);
        }
    }

    /// <summary>Reads the list of merges.</summary>
    /// <param name="reader">At its opening bracket.</param>
    /// <param name="text">What the reader reads.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // runs once per load, over all tokens: no time to warm up
    private void ReadMerges(ref Utf8JsonReader reader, ReadOnlySpan<byte> text)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw Bad("model.merges", "must be a list");
        string prefix = _options.TryGetValue("continuing_subword_prefix", out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? new JsonPart(value, _file, "model.continuing_subword_prefix").AsText()
            : "";
        if (MergesScanner.TryRead(text, ref reader, _vocabulary!, prefix) is { } scanned)
        {
            _merges = scanned;
            return;
        }

        var builder = new MergeTable.Builder(_vocabulary!, prefix);
        try
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType == JsonTokenType.String)
                {
                    builder.AddLine(Bytes(ref reader, ref _left));
                    continue;
                }

                if (reader.TokenType != JsonTokenType.StartArray || !reader.Read() || reader.TokenType != JsonTokenType.String)
                    throw Bad($"model.merges[{builder.Count}]", "must be a string or two strings");
                ReadOnlySpan<byte> left = Bytes(ref reader, ref _left);
                if (!reader.Read() || reader.TokenType != JsonTokenType.String)
                    throw Bad($"model.merges[{builder.Count}]", "must be two strings");
                ReadOnlySpan<byte> right = Bytes(ref reader, ref _right);
                if (!reader.Read() || reader.TokenType != JsonTokenType.EndArray)
                    throw Bad($"model.merges[{builder.Count}]", "must be two strings");
                builder.Add(left, right);
            }
        }
        catch (MerganserException e)
        {
            throw new JsonPart(default, _file, "model.merges").Located(e);
        }

        _merges = builder.Build();
    }

    /// <summary>The text of a string or a name: where it stands in the file or, when it is escaped, in a buffer.</summary>
    private readonly ReadOnlySpan<byte> Bytes(ref Utf8JsonReader reader, ref byte[] buffer)
    {
        ReadOnlySpan<byte> raw = reader.ValueSpan;
        if (raw.Length > LongestToken)
            throw Bad("model", $"a token of {raw.Length} bytes is longer than the {LongestToken} that are accepted");
        if (!reader.ValueIsEscaped)
            return System.Text.Unicode.Utf8.IsValid(raw) ? raw : throw Bad("model", "a token is not valid UTF-8");
        if (buffer.Length < raw.Length)
            buffer = new byte[Math.Max(raw.Length, 256)];
        return buffer.AsSpan(0, reader.CopyString(buffer));
    }

    private readonly MerganserException Bad(string path, string what) => new($"{_file}: {path}: {what}");

    private static double Real(JsonPart part) => part.Element.ValueKind == JsonValueKind.Number && part.Element.TryGetDouble(out double value) ? value : throw part.Bad("must be a number");

    private static string Show(ReadOnlySpan<byte> token) => Quoted.Name(System.Text.Encoding.UTF8.GetString(token));

    private static JsonElement ToObject(Dictionary<string, JsonElement> options)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach ((string name, JsonElement value) in options)
            {
                writer.WritePropertyName(name);
                value.WriteTo(writer);
            }

            writer.WriteEndObject();
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }
}
