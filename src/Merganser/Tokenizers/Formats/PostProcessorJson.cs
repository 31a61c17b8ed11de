using System.Text.Json;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Post-processors in tokenizer.json.</summary>
internal static class PostProcessorJson
{
    public static PostProcessor Read(JsonPart part)
    {
        try
        {
            return part.Type switch
            {
                "Sequence" => new SequenceProcessing([.. part.Items("processors").Select(Read)]),
                "TemplateProcessing" => new TemplateProcessing(Pieces(part.Member("single")), Pieces(part.Member("pair")), Tokens(part)),
                "BertProcessing" => new BertProcessing { Separator = Special(part.Member("sep")), Classifier = Special(part.Member("cls")) },
                "RobertaProcessing" => new RobertaProcessing
                {
                    Separator = Special(part.Member("sep")),
                    Classifier = Special(part.Member("cls")),
                    TrimOffsets = part.Flag("trim_offsets", true),
                    AddPrefixSpace = part.Flag("add_prefix_space", true),
                },
                "ByteLevel" => new ByteLevelProcessing
                {
                    AddPrefixSpace = part.Flag("add_prefix_space", true),
                    TrimOffsets = part.Flag("trim_offsets", true),
                    UseRegex = part.Flag("use_regex", true),
                },
                string other => throw part.Bad($"type {Quoted.Name(other)} is not a known post-processor"),
            };
        }
        catch (MerganserException e)
        {
            throw part.Located(e);
        }
    }

    public static void Write(Utf8JsonWriter json, PostProcessor processor)
    {
        json.WriteStartObject();
        switch (processor)
        {
            case SequenceProcessing sequence:
                json.WriteString("type", "Sequence");
                json.WriteStartArray("processors");
                foreach (PostProcessor step in sequence.Processors)
                    Write(json, step);
                json.WriteEndArray();
                break;
            case TemplateProcessing template:
                WriteTemplate(json, template);
                break;
            case BertProcessing bert:
                json.WriteString("type", "BertProcessing");
                WriteSpecial(json, "sep", bert.Separator);
                WriteSpecial(json, "cls", bert.Classifier);
                break;
            case RobertaProcessing roberta:
                json.WriteString("type", "RobertaProcessing");
                WriteSpecial(json, "sep", roberta.Separator);
                WriteSpecial(json, "cls", roberta.Classifier);
                json.WriteBoolean("trim_offsets", roberta.TrimOffsets);
                json.WriteBoolean("add_prefix_space", roberta.AddPrefixSpace);
                break;
            case ByteLevelProcessing bytes:
                PreTokenizerJson.WriteByteLevel(json, bytes.AddPrefixSpace, bytes.TrimOffsets, bytes.UseRegex);
                break;
            default:
                throw new MerganserException($"a post-processor of the class {processor.GetType().Name} cannot be written to tokenizer.json");
        }

        json.WriteEndObject();
    }

    private static List<TemplatePiece> Pieces(JsonPart part)
    {
        List<TemplatePiece> pieces = [];
        foreach (JsonPart item in part.Items())
        {
            if (item.Find("Sequence") is { } sequence)
                pieces.Add(new TemplatePiece(sequence.Text("id"), true, sequence.Number("type_id", 0)));
            else if (item.Find("SpecialToken") is { } special)
                pieces.Add(new TemplatePiece(special.Text("id"), false, special.Number("type_id", 0)));
            else
                throw item.Bad("must be {\"Sequence\": …} or {\"SpecialToken\": …}");
        }

        return pieces;
    }

    private static List<TemplateToken> Tokens(JsonPart part)
    {
        List<TemplateToken> tokens = [];
        if (part.Find("special_tokens") is not { } all)
            return tokens;
        if (all.Element.ValueKind != JsonValueKind.Object)
            throw all.Bad("must be an object");
        foreach (JsonProperty property in all.Element.EnumerateObject())
        {
            var token = new JsonPart(property.Value, all.File, $"{all.Path}.{property.Name}");
            int[] ids = [.. token.Items("ids").Select(id => id.AsNumber())];
            if (ids.Any(id => id < 0))
                throw token.Bad("an id is negative");
            tokens.Add(new TemplateToken(property.Name, ids, token.Find("tokens") is { } texts ? [.. texts.Items().Select(text => text.AsText())] : []));
        }

        return tokens;
    }

    private static (string Token, int Id) Special(JsonPart part)
    {
        List<JsonPart> items = part.Items();
        return items.Count == 2 && items[1].AsNumber() >= 0 ? (items[0].AsText(), items[1].AsNumber()) : throw part.Bad("must be [token, id]");
    }

    private static void WriteTemplate(Utf8JsonWriter json, TemplateProcessing template)
    {
        json.WriteString("type", "TemplateProcessing");
        WritePieces(json, "single", template.Single);
        WritePieces(json, "pair", template.Pair);
        json.WriteStartObject("special_tokens");
        foreach (TemplateToken token in template.SpecialTokens.OrderBy(token => token.Id, StringComparer.Ordinal))
        {
            json.WriteStartObject(token.Id);
            json.WriteString("id", token.Id);
            json.WriteStartArray("ids");
            foreach (int id in token.Ids)
                json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteStartArray("tokens");
            foreach (string text in token.Tokens)
                json.WriteStringValue(text);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WritePieces(Utf8JsonWriter json, string name, IReadOnlyList<TemplatePiece> pieces)
    {
        json.WriteStartArray(name);
        foreach (TemplatePiece piece in pieces)
        {
            json.WriteStartObject();
            json.WriteStartObject(piece.IsSequence ? "Sequence" : "SpecialToken");
            json.WriteString("id", piece.Id);
            json.WriteNumber("type_id", piece.TypeId);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteSpecial(Utf8JsonWriter json, string name, (string Token, int Id) special)
    {
        json.WriteStartArray(name);
        json.WriteStringValue(special.Token);
        json.WriteNumberValue(special.Id);
        json.WriteEndArray();
    }
}
