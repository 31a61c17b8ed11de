using System.Text.Json;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Decoders in tokenizer.json.</summary>
internal static class DecoderJson
{
    public static TokenDecoder Read(JsonPart part)
    {
        try
        {
            return part.Type switch
            {
                "Sequence" => new SequenceDecoder([.. part.Items("decoders").Select(Read)]),
                "ByteLevel" => new ByteLevelDecoder
                {
                    AddPrefixSpace = part.Flag("add_prefix_space", true),
                    TrimOffsets = part.Flag("trim_offsets", true),
                    UseRegex = part.Flag("use_regex", true),
                },
                "WordPiece" => new WordPieceDecoder { Prefix = part.Text("prefix", "##"), Cleanup = part.Flag("cleanup", true) },
                "Metaspace" => new MetaspaceDecoder
                {
                    Replacement = part.Character("replacement", "\u2581"),
                    PrependScheme = PreTokenizerJson.Scheme(part),
                    Split = part.Flag("split", true),
                },
                "BPEDecoder" => new BpeDecoder { Suffix = part.Text("suffix", "</w>") },
                "CTC" => new CtcDecoder
                {
                    PadToken = part.Text("pad_token", "<pad>"),
                    WordDelimiterToken = part.Text("word_delimiter_token", "|"),
                    Cleanup = part.Flag("cleanup", true),
                },
                "Replace" => new ReplaceDecoder { Pattern = part.Pattern("pattern"), Content = part.Text("content") },
                "ByteFallback" => new ByteFallbackDecoder(),
                "Fuse" => new FuseDecoder(),
                "Strip" => new StripDecoder { Content = part.Character("content", " "), Start = Count(part, "start"), Stop = Count(part, "stop") },
                string other => throw part.Bad($"type {Quoted.Name(other)} is not a known decoder"),
            };
        }
        catch (MerganserException e)
        {
            throw part.Located(e);
        }
    }

    public static void Write(Utf8JsonWriter json, TokenDecoder decoder)
    {
        json.WriteStartObject();
        switch (decoder)
        {
            case SequenceDecoder sequence:
                json.WriteString("type", "Sequence");
                json.WriteStartArray("decoders");
                foreach (TokenDecoder step in sequence.Decoders)
                    Write(json, step);
                json.WriteEndArray();
                break;
            case ByteLevelDecoder bytes:
                PreTokenizerJson.WriteByteLevel(json, bytes.AddPrefixSpace, bytes.TrimOffsets, bytes.UseRegex);
                break;
            case WordPieceDecoder wordPiece:
                json.WriteString("type", "WordPiece");
                json.WriteString("prefix", wordPiece.Prefix);
                json.WriteBoolean("cleanup", wordPiece.Cleanup);
                break;
            case MetaspaceDecoder metaspace:
                PreTokenizerJson.WriteMetaspace(json, metaspace.Replacement, metaspace.PrependScheme, metaspace.Split);
                break;
            case BpeDecoder bpe:
                json.WriteString("type", "BPEDecoder");
                json.WriteString("suffix", bpe.Suffix);
                break;
            case CtcDecoder ctc:
                json.WriteString("type", "CTC");
                json.WriteString("pad_token", ctc.PadToken);
                json.WriteString("word_delimiter_token", ctc.WordDelimiterToken);
                json.WriteBoolean("cleanup", ctc.Cleanup);
                break;
            case ReplaceDecoder replace:
                json.WriteString("type", "Replace");
                NormalizerJson.WritePattern(json, replace.Pattern);
                json.WriteString("content", replace.Content);
                break;
            case ByteFallbackDecoder:
                json.WriteString("type", "ByteFallback");
                break;
            case FuseDecoder:
                json.WriteString("type", "Fuse");
                break;
            case StripDecoder strip:
                json.WriteString("type", "Strip");
                json.WriteString("content", strip.Content);
                json.WriteNumber("start", strip.Start);
                json.WriteNumber("stop", strip.Stop);
                break;
            default:
                throw new MerganserException($"a decoder of the class {decoder.GetType().Name} cannot be written to tokenizer.json");
        }

        json.WriteEndObject();
    }

    private static int Count(JsonPart part, string name)
    {
        int count = part.Number(name, 0);
        return count >= 0 ? count : throw part.Bad($"'{name}' must not be negative");
    }
}
