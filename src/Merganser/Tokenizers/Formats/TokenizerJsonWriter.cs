using System.Text.Encodings.Web;
using System.Text.Json;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Writes tokenizer.json, keys in the order of the reference, vocabulary by ascending id, merges as pairs.</summary>
internal static class TokenizerJsonWriter
{
    private const int FlushAt = 1 << 16;

    private static readonly JsonWriterOptions Options = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Indented = true,
        SkipValidation = true,
    };

    public static void Write(Tokenizer tokenizer, Stream stream)
    {
        using var json = new Utf8JsonWriter(stream, Options);
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        WriteTruncation(json, tokenizer.Truncation);
        WritePadding(json, tokenizer.Padding);
        json.WriteStartArray("added_tokens");
        foreach (AddedToken token in tokenizer.AddedTokens.Tokens)
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            json.WriteString("content", token.Content);
            json.WriteBoolean("single_word", token.SingleWord);
            json.WriteBoolean("lstrip", token.LeftStrip);
            json.WriteBoolean("rstrip", token.RightStrip);
            json.WriteBoolean("normalized", token.Normalized);
            json.WriteBoolean("special", token.Special);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WritePart(json, "normalizer", tokenizer.Normalizer, NormalizerJson.Write);
        WritePart(json, "pre_tokenizer", tokenizer.PreTokenizer, PreTokenizerJson.Write);
        WritePart(json, "post_processor", tokenizer.PostProcessor, PostProcessorJson.Write);
        WritePart(json, "decoder", tokenizer.Decoder, DecoderJson.Write);
        json.WritePropertyName("model");
        WriteModel(json, tokenizer.Model, ForModel(tokenizer));
        json.WriteEndObject();
    }

    private static void WritePart<T>(Utf8JsonWriter json, string name, T? part, Action<Utf8JsonWriter, T> write)
        where T : class
    {
        json.WritePropertyName(name);
        if (part is null)
            json.WriteNullValue();
        else
            write(json, part);
    }

    private static void WriteTruncation(Utf8JsonWriter json, Truncation? truncation)
    {
        if (truncation is null)
        {
            json.WriteNull("truncation");
            return;
        }

        json.WriteStartObject("truncation");
        json.WriteString("direction", truncation.Direction.ToString());
        json.WriteNumber("max_length", truncation.MaxLength);
        json.WriteString("strategy", truncation.Strategy.ToString());
        json.WriteNumber("stride", truncation.Stride);
        json.WriteEndObject();
    }

    private static void WritePadding(Utf8JsonWriter json, Padding? padding)
    {
        if (padding is null)
        {
            json.WriteNull("padding");
            return;
        }

        json.WriteStartObject("padding");
        if (padding.Length is { } length)
        {
            json.WriteStartObject("strategy");
            json.WriteNumber("Fixed", length);
            json.WriteEndObject();
        }
        else
        {
            json.WriteString("strategy", "BatchLongest");
        }

        json.WriteString("direction", padding.Direction.ToString());
        if (padding.PadToMultipleOf is { } multiple)
            json.WriteNumber("pad_to_multiple_of", multiple);
        else
            json.WriteNull("pad_to_multiple_of");
        json.WriteNumber("pad_id", padding.PadId);
        json.WriteNumber("pad_type_id", padding.PadTypeId);
        json.WriteString("pad_token", padding.PadToken);
        json.WriteEndObject();
    }

    private static void WriteModel(Utf8JsonWriter json, TokenizerModel model, List<AddedToken> added)
    {
        json.WriteStartObject();
        switch (model)
        {
            case BpeModel bpe:
                json.WriteString("type", "BPE");
                if (bpe.Dropout is { } dropout)
                    json.WriteNumber("dropout", dropout);
                else
                    json.WriteNull("dropout");
                json.WriteString("unk_token", bpe.UnkToken);
                json.WriteString("continuing_subword_prefix", bpe.ContinuingSubwordPrefix.Length > 0 ? bpe.ContinuingSubwordPrefix : null);
                json.WriteString("end_of_word_suffix", bpe.EndOfWordSuffix.Length > 0 ? bpe.EndOfWordSuffix : null);
                json.WriteBoolean("fuse_unk", bpe.FuseUnk);
                json.WriteBoolean("byte_fallback", bpe.ByteFallback);
                json.WriteBoolean("ignore_merges", bpe.IgnoreMerges);
                WriteVocabulary(json, model.Vocabulary, added);
                WriteMerges(json, bpe);
                break;
            case UnigramModel unigram:
                json.WriteString("type", "Unigram");
                if (unigram.UnkId is { } unknown)
                    json.WriteNumber("unk_id", unknown);
                else
                    json.WriteNull("unk_id");
                if (added.Count > 0)
                    throw new MerganserException($"the id {added[0].Id} of the added token {Quoted.Name(added[0].Content)} does not follow the pieces of the Unigram model; tokenizer.json cannot hold that");
                WritePieces(json, unigram);
                json.WriteBoolean("byte_fallback", unigram.ByteFallback);
                break;
            case WordPieceModel wordPiece:
                json.WriteString("type", "WordPiece");
                json.WriteString("unk_token", wordPiece.UnkToken);
                json.WriteString("continuing_subword_prefix", wordPiece.ContinuingSubwordPrefix);
                json.WriteNumber("max_input_chars_per_word", wordPiece.MaxInputCharsPerWord);
                WriteVocabulary(json, model.Vocabulary, added);
                break;
            case WordLevelModel wordLevel:
                json.WriteString("type", "WordLevel");
                WriteVocabulary(json, model.Vocabulary, added);
                json.WriteString("unk_token", wordLevel.UnkToken);
                break;
            case MarkedWordModel:
                throw new MerganserException("a SentencePiece word model joins neighbouring unknown words into one token, which no model of tokenizer.json does; save it as .model");
            default:
                throw new MerganserException($"a model of the class {model.GetType().Name} cannot be written to tokenizer.json");
        }

        json.WriteEndObject();
    }

    /// <summary>
    /// Added tokens that must stand in the vocabulary of the model to keep their ids: all that are not in it, if loading would
    /// give any of them another id (ids with gaps).
    /// </summary>
    private static List<AddedToken> ForModel(Tokenizer tokenizer)
    {
        Vocabulary vocabulary = tokenizer.Model.Vocabulary;
        List<AddedToken> outside = [];
        bool keepsIds = true;
        int highest = -1;
        foreach (AddedToken token in tokenizer.AddedTokens.Tokens)
        {
            if (vocabulary.TryGetId(token.Content, out int id))
            {
                if (id != token.Id)
                    throw new MerganserException($"the added token {Quoted.Name(token.Content)} has the id {token.Id} and the model's vocabulary gives it {id}; tokenizer.json cannot hold that");
            }
            else
            {
                keepsIds &= token.Id == (highest >= vocabulary.Count ? highest + 1 : vocabulary.Count);
                outside.Add(token);
            }

            highest = Math.Max(highest, token.Id);
        }

        return keepsIds ? [] : outside;
    }

    private static void WriteVocabulary(Utf8JsonWriter json, Vocabulary vocabulary, List<AddedToken> added)
    {
        int next = 0; // of the added tokens, which are in the order of ids, too
        json.WriteStartObject("vocab");
        for (int id = 0; id < vocabulary.IdLimit; id++)
        {
            for (; next < added.Count && added[next].Id < id; next++)
                json.WriteNumber(added[next].Content, added[next].Id);
            if (!vocabulary.Contains(id))
                continue;
            json.WriteNumber(Text(vocabulary, id), id);
            Flush(json);
        }

        for (; next < added.Count; next++)
            json.WriteNumber(added[next].Content, added[next].Id);
        json.WriteEndObject();
    }

    private static void WriteMerges(Utf8JsonWriter json, BpeModel bpe)
    {
        json.WriteStartArray("merges");
        for (int rank = 0; rank < bpe.Merges.Count; rank++)
        {
            (int left, int right, _) = bpe.Merges[rank];
            json.WriteStartArray();
            json.WriteStringValue(Text(bpe.Vocabulary, left));
            json.WriteStringValue(Text(bpe.Vocabulary, right));
            json.WriteEndArray();
            Flush(json);
        }

        json.WriteEndArray();
    }

    private static void WritePieces(Utf8JsonWriter json, UnigramModel unigram)
    {
        json.WriteStartArray("vocab");
        for (int id = 0; id < unigram.Vocabulary.IdLimit; id++)
        {
            if (!unigram.Vocabulary.Contains(id))
                throw new MerganserException($"the id {id} has no piece; a Unigram model in tokenizer.json cannot have gaps");
            json.WriteStartArray();
            json.WriteStringValue(Text(unigram.Vocabulary, id));
            json.WriteNumberValue(unigram.Scores[id]);
            json.WriteEndArray();
            Flush(json);
        }

        json.WriteEndArray();
    }

    private static ReadOnlySpan<byte> Text(Vocabulary vocabulary, int id)
    {
        ReadOnlySpan<byte> token = vocabulary[id];
        return System.Text.Unicode.Utf8.IsValid(token)
            ? token
            : throw new MerganserException($"the token {id} ({Quoted.Name(vocabulary.GetText(id))}) is no UTF-8 and cannot be written to tokenizer.json");
    }

    private static void Flush(Utf8JsonWriter json)
    {
        if (json.BytesPending > FlushAt)
            json.Flush();
    }
}
