using System.Text.Json;
using Merganser.Checkpoints;

namespace Merganser.Tokenizers;

/// <summary>
/// Copies a tokenizer.json while its vocabulary changes: other added tokens, tokens left out, ids given anew, merges appended.
/// What is not about the vocabulary is copied as it is. The file is streamed, never held as a tree.
/// </summary>
internal sealed class TokenizerJsonEditor
{
    private static readonly JsonWriterOptions WriterOptions = new()
    {
        Indented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly string _path;
    private readonly HashSet<string> _kept = new(StringComparer.Ordinal);

    public TokenizerJsonEditor(string path) => _path = path;

    /// <summary>The added tokens of the copy.</summary>
    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    /// <summary>The new id of a token of the model, -1 to leave it out; null keeps all.</summary>
    public Func<string, int, int>? NewId { get; init; }

    /// <summary>The new id of Unigram's unknown piece; null keeps it.</summary>
    public int? NewUnknownId { get; init; }

    /// <summary>Tokens that become part of the model's vocabulary, with their ids.</summary>
    public IReadOnlyList<(string Token, int Id)> NewTokens { get; init; } = [];

    /// <summary>Merges that are appended.</summary>
    public IReadOnlyList<(string Left, string Right)> NewMerges { get; init; } = [];

    /// <summary>Writes the copy.</summary>
    /// <exception cref="MerganserException">The file is no tokenizer.</exception>
    public byte[] Apply()
    {
        byte[] json = BoundedJson.ReadBytes(_path, 256 << 20);
        using MemoryStream output = new(json.Length + 4096);
        try
        {
            using var writer = new Utf8JsonWriter(output, WriterOptions);
            var reader = new Utf8JsonReader(json.AsSpan(json.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0), new JsonReaderOptions { MaxDepth = BoundedJson.MaxDepth });
            reader.Read();
            writer.WriteStartObject();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string key = reader.GetString()!;
                writer.WritePropertyName(key);
                reader.Read();
                if (key == "added_tokens")
                    WriteAdded(ref reader, writer);
                else if (key == "model")
                    CopyModel(ref reader, writer);
                else if (key == "post_processor" && NewId is not null)
                    CopyProcessor(ref reader, writer);
                else
                    Copy(ref reader, writer);
            }

            writer.WriteEndObject();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new MerganserException($"{_path}: is not a tokenizer: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        return output.ToArray();
    }

    private void WriteAdded(ref Utf8JsonReader reader, Utf8JsonWriter writer)
    {
        reader.Skip();
        writer.WriteStartArray();
        foreach (AddedToken token in AddedTokens)
        {
            writer.WriteStartObject();
            writer.WriteNumber("id", token.Id);
            writer.WriteString("content", token.Content);
            writer.WriteBoolean("single_word", token.SingleWord);
            writer.WriteBoolean("lstrip", token.LeftStrip);
            writer.WriteBoolean("rstrip", token.RightStrip);
            writer.WriteBoolean("normalized", token.Normalized);
            writer.WriteBoolean("special", token.Special);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private void CopyModel(ref Utf8JsonReader reader, Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            writer.WritePropertyName(key);
            reader.Read();
            switch (key)
            {
                case "vocab" when reader.TokenType == JsonTokenType.StartObject:
                    CopyTable(ref reader, writer);
                    break;
                case "vocab":
                    CopyPieces(ref reader, writer);
                    break;
                case "merges":
                    CopyMerges(ref reader, writer);
                    break;
                case "unk_id" when reader.TokenType == JsonTokenType.Number && NewUnknownId is { } id:
                    writer.WriteNumberValue(id);
                    break;
                default:
                    Copy(ref reader, writer);
                    break;
            }
        }

        writer.WriteEndObject();
    }

    private void CopyTable(ref Utf8JsonReader reader, Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string token = reader.GetString()!;
            reader.Read();
            int id = NewId?.Invoke(token, reader.GetInt32()) ?? reader.GetInt32();
            if (id < 0)
                continue;
            _kept.Add(token);
            writer.WriteNumber(token, id);
        }

        foreach ((string token, int id) in NewTokens)
        {
            _kept.Add(token);
            writer.WriteNumber(token, id);
        }

        writer.WriteEndObject();
    }

    /// <summary>Unigram: the place in the list is the id, so a piece that is left out moves the others down.</summary>
    private void CopyPieces(ref Utf8JsonReader reader, Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        for (int place = 0; reader.Read() && reader.TokenType == JsonTokenType.StartArray; place++)
        {
            reader.Read();
            string piece = reader.GetString()!;
            reader.Read();
            double score = reader.GetDouble();
            reader.Read();
            if (NewId is not null && NewId(piece, place) < 0)
                continue;
            writer.WriteStartArray();
            writer.WriteStringValue(piece);
            writer.WriteNumberValue(score);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
    }

    private void CopyMerges(ref Utf8JsonReader reader, Utf8JsonWriter writer)
    {
        bool pairs = true;
        writer.WriteStartArray();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            string left, right;
            pairs = reader.TokenType == JsonTokenType.StartArray;
            if (pairs)
            {
                reader.Read();
                left = reader.GetString()!;
                reader.Read();
                right = reader.GetString()!;
                reader.Read();
            }
            else
            {
                string both = reader.GetString()!;
                int space = both.IndexOf(' ', StringComparison.Ordinal);
                if (space < 0)
                    throw new MerganserException($"{_path}: the merge '{both}' is not two tokens with a space between");
                (left, right) = (both[..space], both[(space + 1)..]);
            }

            if (NewId is null || (_kept.Contains(left) && _kept.Contains(right) && _kept.Contains(left + right)))
                WriteMerge(writer, left, right, pairs);
        }

        foreach ((string left, string right) in NewMerges)
            WriteMerge(writer, left, right, pairs);
        writer.WriteEndArray();
    }

    private static void WriteMerge(Utf8JsonWriter writer, string left, string right, bool pair)
    {
        if (!pair)
        {
            writer.WriteStringValue($"{left} {right}");
            return;
        }

        writer.WriteStartArray();
        writer.WriteStringValue(left);
        writer.WriteStringValue(right);
        writer.WriteEndArray();
    }

    /// <summary>Ids stand in a post-processor as <c>"ids": [1]</c> beside <c>"tokens"</c> and as <c>["[CLS]", 101]</c>.</summary>
    private void CopyProcessor(ref Utf8JsonReader reader, Utf8JsonWriter writer)
    {
        using JsonDocument document = JsonDocument.ParseValue(ref reader);
        CopyRenumbered(document.RootElement, writer);
    }

    private void CopyRenumbered(JsonElement element, Utf8JsonWriter writer)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    writer.WritePropertyName(property.Name);
                    if (property.Name == "ids" && element.TryGetProperty("tokens", out JsonElement tokens))
                        WriteIds(property.Value, tokens, writer);
                    else
                        CopyRenumbered(property.Value, writer);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array when element.GetArrayLength() == 2 && element[0].ValueKind == JsonValueKind.String && element[1].ValueKind == JsonValueKind.Number:
                writer.WriteStartArray();
                writer.WriteStringValue(element[0].GetString());
                writer.WriteNumberValue(NewId!(element[0].GetString()!, element[1].GetInt32()));
                writer.WriteEndArray();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (JsonElement item in element.EnumerateArray())
                    CopyRenumbered(item, writer);
                writer.WriteEndArray();
                break;
            default:
                element.WriteTo(writer);
                break;
        }
    }

    private void WriteIds(JsonElement ids, JsonElement tokens, Utf8JsonWriter writer)
    {
        writer.WriteStartArray();
        for (int i = 0; i < ids.GetArrayLength(); i++)
            writer.WriteNumberValue(NewId!(tokens[i].GetString()!, ids[i].GetInt32()));
        writer.WriteEndArray();
    }

    private static void Copy(ref Utf8JsonReader reader, Utf8JsonWriter writer)
    {
        using JsonDocument value = JsonDocument.ParseValue(ref reader);
        value.RootElement.WriteTo(writer);
    }
}
