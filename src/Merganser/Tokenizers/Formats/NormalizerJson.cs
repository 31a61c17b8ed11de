using System.Text.Json;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Normalizers in tokenizer.json.</summary>
internal static class NormalizerJson
{
    public static Normalizer Read(JsonPart part)
    {
        try
        {
            return part.Type switch
            {
                "Sequence" => new SequenceNormalizer([.. part.Items("normalizers").Select(Read)]),
                "NFC" => new UnicodeNormalizer { Form = UnicodeForm.Nfc },
                "NFD" => new UnicodeNormalizer { Form = UnicodeForm.Nfd },
                "NFKC" => new UnicodeNormalizer { Form = UnicodeForm.Nfkc },
                "NFKD" => new UnicodeNormalizer { Form = UnicodeForm.Nfkd },
                "Lowercase" => new LowercaseNormalizer(),
                "Strip" => new StripNormalizer { StripLeft = part.Flag("strip_left", true), StripRight = part.Flag("strip_right", true) },
                "StripAccents" => new StripAccentsNormalizer(),
                "Nmt" => new NmtNormalizer(),
                "Prepend" => new PrependNormalizer { Prepend = part.Text("prepend") },
                "Replace" => new ReplaceNormalizer { Pattern = part.Pattern("pattern"), Content = part.Text("content") },
                "ByteLevel" => new ByteLevelNormalizer(),
                "Precompiled" => new PrecompiledNormalizer(Charsmap(part)),
                "BertNormalizer" => new BertNormalizer
                {
                    CleanText = part.Flag("clean_text", true),
                    HandleChineseChars = part.Flag("handle_chinese_chars", true),
                    StripAccents = part.OptionalFlag("strip_accents"),
                    Lowercase = part.Flag("lowercase", true),
                },
                string other => throw part.Bad($"type {Quoted.Name(other)} is not a known normalizer"),
            };
        }
        catch (MerganserException e)
        {
            throw part.Located(e);
        }
    }

    public static void Write(Utf8JsonWriter json, Normalizer normalizer)
    {
        json.WriteStartObject();
        switch (normalizer)
        {
            case SequenceNormalizer sequence:
                json.WriteString("type", "Sequence");
                json.WriteStartArray("normalizers");
                foreach (Normalizer step in sequence.Normalizers)
                    Write(json, step);
                json.WriteEndArray();
                break;
            case UnicodeNormalizer unicode:
                json.WriteString("type", unicode.Form switch
                {
                    UnicodeForm.Nfc => "NFC",
                    UnicodeForm.Nfd => "NFD",
                    UnicodeForm.Nfkc => "NFKC",
                    _ => "NFKD",
                });
                break;
            case LowercaseNormalizer:
                json.WriteString("type", "Lowercase");
                break;
            case StripNormalizer strip:
                json.WriteString("type", "Strip");
                json.WriteBoolean("strip_left", strip.StripLeft);
                json.WriteBoolean("strip_right", strip.StripRight);
                break;
            case StripAccentsNormalizer:
                json.WriteString("type", "StripAccents");
                break;
            case NmtNormalizer:
                json.WriteString("type", "Nmt");
                break;
            case PrependNormalizer prepend:
                json.WriteString("type", "Prepend");
                json.WriteString("prepend", prepend.Prepend);
                break;
            case ReplaceNormalizer replace:
                json.WriteString("type", "Replace");
                WritePattern(json, replace.Pattern);
                json.WriteString("content", replace.Content);
                break;
            case ByteLevelNormalizer:
                json.WriteString("type", "ByteLevel");
                break;
            case PrecompiledNormalizer precompiled:
                json.WriteString("type", "Precompiled");
                json.WriteBase64String("precompiled_charsmap", precompiled.Charsmap);
                break;
            case BertNormalizer bert:
                json.WriteString("type", "BertNormalizer");
                json.WriteBoolean("clean_text", bert.CleanText);
                json.WriteBoolean("handle_chinese_chars", bert.HandleChineseChars);
                if (bert.StripAccents is { } strips)
                    json.WriteBoolean("strip_accents", strips);
                else
                    json.WriteNull("strip_accents");
                json.WriteBoolean("lowercase", bert.Lowercase);
                break;
            default:
                throw new MerganserException($"a normalizer of the class {normalizer.GetType().Name} cannot be written to tokenizer.json");
        }

        json.WriteEndObject();
    }

    public static void WritePattern(Utf8JsonWriter json, SplitPattern pattern)
    {
        json.WriteStartObject("pattern");
        json.WriteString(pattern.IsRegex ? "Regex" : "String", pattern.Text);
        json.WriteEndObject();
    }

    private static byte[] Charsmap(JsonPart part)
    {
        if (part.Find("precompiled_charsmap") is not { } map)
            return [];
        try
        {
            return Convert.FromBase64String(map.AsText());
        }
        catch (FormatException)
        {
            throw map.Bad("is not valid base64");
        }
    }
}
