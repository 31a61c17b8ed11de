using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary><c>tokenizer encode</c>: the ids of a text.</summary>
internal static class TokenizerEncodeVerb
{
    public static Command Create()
    {
        Argument<string> source = TokenizerVerb.Source();
        var input = new TextInput();
        var pair = new Option<string?>("--pair") { Description = "a second text, encoded together with the first" };
        var plain = new Option<bool>("--no-special") { Description = "put no special tokens in" };
        var special = new Option<string>("--special") { Description = "special tokens that occur in the text: allow (they become their ids), forbid (an error) or text", DefaultValueFactory = _ => "allow" };
        var unit = new Option<string>("--offsets") { Description = "what offsets count: utf16, utf8 or codepoint", DefaultValueFactory = _ => "utf16" };
        var tokens = new Option<bool>("--tokens") { Description = "print the text cut into tokens instead of ids" };
        var json = new Option<bool>("--json") { Description = "print JSON with ids, tokens, offsets, types and masks" };
        special.AcceptOnlyFromAmong("allow", "forbid", "text");
        unit.AcceptOnlyFromAmong("utf16", "utf8", "codepoint");
        var command = new Command("encode", "Turn text into token ids") { source, input.Words, input.Files, input.Lines, pair, plain, special, unit, tokens, json };
        command.SetAction(parsed =>
        {
            Tokenizer tokenizer = Tokenizer.Load(parsed.GetRequiredValue(source));
            var options = new EncodeOptions
            {
                AddSpecialTokens = !parsed.GetValue(plain),
                SpecialTokens = parsed.GetRequiredValue(special) switch
                {
                    "forbid" => SpecialTokenPolicy.Forbid,
                    "text" => SpecialTokenPolicy.AsText,
                    _ => SpecialTokenPolicy.Allow,
                },
                OffsetUnit = parsed.GetRequiredValue(unit) switch
                {
                    "utf8" => OffsetUnit.Utf8,
                    "codepoint" => OffsetUnit.CodePoint,
                    _ => OffsetUnit.Utf16,
                },
            };
            TextWriter output = parsed.InvocationConfiguration.Output;
            foreach ((_, string text) in input.Read(parsed))
            {
                if (parsed.GetValue(tokens))
                    TokenPrinter.Print(output, text, tokenizer.Encode(text, null, options with { OffsetUnit = OffsetUnit.Utf16 }));
                else if (parsed.GetValue(json))
                    JsonText.Print(output, writer => Write(writer, tokenizer, tokenizer.Encode(text, parsed.GetValue(pair), options)));
                else
                    output.WriteLine(string.Join(' ', tokenizer.Encode(text, parsed.GetValue(pair), options).Ids.Select(id => id.ToString(CultureInfo.InvariantCulture))));
            }
        });
        return command;
    }

    private static void Write(Utf8JsonWriter json, Tokenizer tokenizer, Tokenizers.Encoding encoding)
    {
        json.WriteStartObject();
        Numbers(json, "ids", encoding.Ids.Select(id => (int?)id));
        json.WriteStartArray("tokens");
        foreach (int id in encoding.Ids)
            json.WriteStringValue(tokenizer.GetToken(id));
        json.WriteEndArray();
        json.WriteStartArray("offsets");
        foreach ((int start, int end) in encoding.Offsets)
        {
            json.WriteStartArray();
            json.WriteNumberValue(start);
            json.WriteNumberValue(end);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        Numbers(json, "type_ids", encoding.TypeIds.Select(id => (int?)id));
        Numbers(json, "word_ids", encoding.WordIds);
        Numbers(json, "special_tokens_mask", encoding.SpecialTokensMask.Select(id => (int?)id));
        Numbers(json, "attention_mask", encoding.AttentionMask.Select(id => (int?)id));
        json.WriteEndObject();
    }

    private static void Numbers(Utf8JsonWriter json, string name, IEnumerable<int?> values)
    {
        json.WriteStartArray(name);
        foreach (int? value in values)
        {
            if (value is { } number)
                json.WriteNumberValue(number);
            else
                json.WriteNullValue();
        }

        json.WriteEndArray();
    }
}
