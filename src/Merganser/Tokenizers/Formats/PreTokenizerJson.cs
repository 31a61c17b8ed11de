using System.Text.Json;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Pre-tokenizers in tokenizer.json.</summary>
internal static class PreTokenizerJson
{
    public static PreTokenizer Read(JsonPart part)
    {
        try
        {
            return part.Type switch
            {
                "Sequence" => new SequencePreTokenizer([.. part.Items("pretokenizers").Select(Read)]),
                "ByteLevel" => new ByteLevelPreTokenizer
                {
                    AddPrefixSpace = part.Flag("add_prefix_space", true),
                    TrimOffsets = part.Flag("trim_offsets", true),
                    UseRegex = part.Flag("use_regex", true),
                },
                "Split" => new SplitPreTokenizer
                {
                    Pattern = part.Pattern("pattern"),
                    Behavior = part.Choice<SplitBehavior>("behavior"),
                    Invert = part.Flag("invert", false),
                },
                "Metaspace" => new MetaspacePreTokenizer
                {
                    Replacement = part.Character("replacement", "\u2581"),
                    PrependScheme = Scheme(part),
                    Split = part.Flag("split", true),
                },
                "BertPreTokenizer" => new BertPreTokenizer(),
                "Whitespace" => new WhitespacePreTokenizer(),
                "WhitespaceSplit" => new WhitespaceSplitPreTokenizer(),
                "Punctuation" => new PunctuationPreTokenizer { Behavior = part.Choice<SplitBehavior>("behavior", SplitBehavior.Isolated) },
                "Digits" => new DigitsPreTokenizer { IndividualDigits = part.Flag("individual_digits", false) },
                "CharDelimiterSplit" => new CharDelimiterSplitPreTokenizer { Delimiter = part.Character("delimiter") },
                "UnicodeScripts" => new UnicodeScriptsPreTokenizer(),
                "FixedLength" => new FixedLengthPreTokenizer { Length = Length(part) },
                string other => throw part.Bad($"type {Quoted.Name(other)} is not a known pre-tokenizer"),
            };
        }
        catch (MerganserException e)
        {
            throw part.Located(e);
        }
    }

    /// <summary>The scheme of a Metaspace component; older files have a flag instead.</summary>
    public static PrependScheme Scheme(JsonPart part) => part.Find("prepend_scheme") is not null
        ? part.Choice<PrependScheme>("prepend_scheme")
        : part.Flag("add_prefix_space", true) ? PrependScheme.Always : PrependScheme.Never;

    public static void Write(Utf8JsonWriter json, PreTokenizer preTokenizer)
    {
        json.WriteStartObject();
        switch (preTokenizer)
        {
            case SequencePreTokenizer sequence:
                json.WriteString("type", "Sequence");
                json.WriteStartArray("pretokenizers");
                foreach (PreTokenizer step in sequence.PreTokenizers)
                    Write(json, step);
                json.WriteEndArray();
                break;
            case ByteLevelPreTokenizer bytes:
                WriteByteLevel(json, bytes.AddPrefixSpace, bytes.TrimOffsets, bytes.UseRegex);
                break;
            case SplitPreTokenizer split:
                json.WriteString("type", "Split");
                NormalizerJson.WritePattern(json, split.Pattern);
                json.WriteString("behavior", split.Behavior.ToString());
                json.WriteBoolean("invert", split.Invert);
                break;
            case MetaspacePreTokenizer metaspace:
                WriteMetaspace(json, metaspace.Replacement, metaspace.PrependScheme, metaspace.Split);
                break;
            case BertPreTokenizer:
                json.WriteString("type", "BertPreTokenizer");
                break;
            case WhitespacePreTokenizer:
                json.WriteString("type", "Whitespace");
                break;
            case WhitespaceSplitPreTokenizer:
                json.WriteString("type", "WhitespaceSplit");
                break;
            case PunctuationPreTokenizer punctuation:
                json.WriteString("type", "Punctuation");
                json.WriteString("behavior", punctuation.Behavior.ToString());
                break;
            case DigitsPreTokenizer digits:
                json.WriteString("type", "Digits");
                json.WriteBoolean("individual_digits", digits.IndividualDigits);
                break;
            case CharDelimiterSplitPreTokenizer delimiter:
                json.WriteString("type", "CharDelimiterSplit");
                json.WriteString("delimiter", delimiter.Delimiter);
                break;
            case UnicodeScriptsPreTokenizer:
                json.WriteString("type", "UnicodeScripts");
                break;
            case FixedLengthPreTokenizer length:
                json.WriteString("type", "FixedLength");
                json.WriteNumber("length", length.Length);
                break;
            default:
                throw new MerganserException($"a pre-tokenizer of the class {preTokenizer.GetType().Name} cannot be written to tokenizer.json");
        }

        json.WriteEndObject();
    }

    public static void WriteByteLevel(Utf8JsonWriter json, bool addPrefixSpace, bool trimOffsets, bool useRegex)
    {
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", addPrefixSpace);
        json.WriteBoolean("trim_offsets", trimOffsets);
        json.WriteBoolean("use_regex", useRegex);
    }

    public static void WriteMetaspace(Utf8JsonWriter json, string replacement, PrependScheme scheme, bool split)
    {
        json.WriteString("type", "Metaspace");
        json.WriteString("replacement", replacement);
        json.WriteString("prepend_scheme", scheme switch
        {
            PrependScheme.Always => "always",
            PrependScheme.First => "first",
            _ => "never",
        });
        json.WriteBoolean("split", split);
    }

    private static int Length(JsonPart part)
    {
        int length = part.Number("length", 5);
        return length >= 1 ? length : throw part.Bad($"'length' must be at least 1, not {length}");
    }
}
