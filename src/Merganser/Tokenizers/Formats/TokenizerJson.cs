using System.Text.Json;
using Merganser.Checkpoints;

namespace Merganser.Tokenizers;

/// <summary>Reads tokenizer.json (format version 1.0 of Hugging Face tokenizers, and what older versions wrote).</summary>
internal static class TokenizerJson
{
    private const long LargestFile = 1L << 30;

    public static readonly JsonReaderOptions ReaderOptions = new() { MaxDepth = BoundedJson.MaxDepth };

    public static Tokenizer Read(string path) => Parse(BoundedJson.ReadBytes(path, LargestFile), path);

    /// <summary>Reads a document.</summary>
    /// <param name="json">UTF-8.</param>
    /// <param name="file">Its name for messages.</param>
    public static Tokenizer Parse(ReadOnlySpan<byte> json, string file)
    {
        if (json.StartsWith("\uFEFF"u8))
            json = json[3..];
        try
        {
            return ParseDocument(json, file);
        }
        catch (JsonException e)
        {
            throw new MerganserException($"{file}: is not valid JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new MerganserException($"{file}: holds text that is no Unicode: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>Reads a file that holds nothing but a vocabulary: an object from token to id.</summary>
    public static Vocabulary ParseVocabulary(ReadOnlySpan<byte> json, string file)
    {
        if (json.StartsWith("\uFEFF"u8))
            json = json[3..];
        try
        {
            var reader = new Utf8JsonReader(json, ReaderOptions);
            reader.Read();
            Vocabulary vocabulary = new ModelJsonReader(json, file).ReadVocabularyAlone(ref reader);
            return reader.Read() ? throw new MerganserException($"{file}: has something after the JSON object") : vocabulary;
        }
        catch (JsonException e)
        {
            throw new MerganserException($"{file}: is not valid JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new MerganserException($"{file}: holds text that is no Unicode: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static Tokenizer ParseDocument(ReadOnlySpan<byte> json, string file)
    {
        var reader = new Utf8JsonReader(json, ReaderOptions);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new MerganserException($"{file}: must hold a JSON object");
        TokenizerModel? model = null;
        var parts = new Dictionary<string, JsonPart>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == "model")
            {
                if (model is not null)
                    throw new MerganserException($"{file}: model: is there twice");
                model = new ModelJsonReader(json, file).Read(ref reader);
            }
            else if (name is "truncation" or "padding" or "added_tokens" or "normalizer" or "pre_tokenizer" or "post_processor" or "decoder")
            {
                JsonElement value = JsonElement.ParseValue(ref reader);
                if (!parts.TryAdd(name, new JsonPart(value, file, name)))
                    throw new MerganserException($"{file}: {name}: is there twice");
            }
            else
            {
                reader.Skip();
            }
        }

        if (reader.Read())
            throw new MerganserException($"{file}: has something after the JSON object");
        if (model is null)
            throw new MerganserException($"{file}: model: is missing; a tokenizer.json has one");
        JsonPart? Part(string name) => parts.TryGetValue(name, out JsonPart part) && part.Element.ValueKind != JsonValueKind.Null ? part : null;
        return new Tokenizer(model)
        {
            Normalizer = Part("normalizer") is { } normalizer ? NormalizerJson.Read(normalizer) : null,
            PreTokenizer = Part("pre_tokenizer") is { } preTokenizer ? PreTokenizerJson.Read(preTokenizer) : null,
            PostProcessor = Part("post_processor") is { } processor ? PostProcessorJson.Read(processor) : null,
            Decoder = Part("decoder") is { } decoder ? DecoderJson.Read(decoder) : null,
            AddedTokens = Part("added_tokens") is { } added ? ReadAddedTokens(added, model.Vocabulary) : AddedVocabulary.Empty,
            Truncation = Part("truncation") is { } truncation ? ReadTruncation(truncation) : null,
            Padding = Part("padding") is { } padding ? ReadPadding(padding) : null,
        };
    }

    private static AddedVocabulary ReadAddedTokens(JsonPart part, Vocabulary vocabulary)
    {
        List<AddedToken> tokens = [];
        foreach (JsonPart item in part.Items())
        {
            int id = item.Number("id");
            bool special = item.Flag("special", false);
            tokens.Add(new AddedToken(
                id >= 0 ? id : throw item.Bad($"'id' must not be negative ({id})"),
                item.Text("content"),
                item.Flag("single_word", false),
                item.Flag("lstrip", false),
                item.Flag("rstrip", false),
                item.Flag("normalized", !special),
                special));
        }

        try
        {
            return AddedVocabulary.Load(tokens, vocabulary);
        }
        catch (MerganserException e)
        {
            throw part.Located(e);
        }
    }

    private static Truncation ReadTruncation(JsonPart part)
    {
        try
        {
            return new Truncation
            {
                MaxLength = part.Number("max_length"),
                Stride = part.Number("stride", 0),
                Strategy = part.Choice<TruncationStrategy>("strategy", TruncationStrategy.LongestFirst),
                Direction = part.Choice<TextDirection>("direction", TextDirection.Right),
            };
        }
        catch (MerganserException e)
        {
            throw part.Located(e);
        }
    }

    private static Padding ReadPadding(JsonPart part)
    {
        try
        {
            JsonPart? strategy = part.Find("strategy");
            int? length = null;
            if (strategy is { } fixedLength && fixedLength.Element.ValueKind == JsonValueKind.Object)
                length = fixedLength.Number("Fixed");
            else if (strategy is { } named && named.AsText() != "BatchLongest")
                throw named.Bad("must be \"BatchLongest\" or {\"Fixed\": n}");
            int multiple = part.Number("pad_to_multiple_of", 0);
            return new Padding
            {
                Length = length,
                PadToMultipleOf = multiple > 0 ? multiple : null,
                Direction = part.Choice<TextDirection>("direction", TextDirection.Right),
                PadId = part.Number("pad_id", 0),
                PadTypeId = part.Number("pad_type_id", 0),
                PadToken = part.Text("pad_token", "[PAD]"),
            };
        }
        catch (MerganserException e)
        {
            throw part.Located(e);
        }
    }
}
