using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary><c>tokenizer inspect</c>: what a tokenizer is made of, and how it cuts a text.</summary>
internal static class TokenizerInspectVerb
{
    public static Command Create()
    {
        Argument<string> source = TokenizerVerb.Source();
        var text = new Option<string?>("--text") { Description = "show how this text is cut" };
        var file = new Option<string?>("--file", "-f") { Description = "show how the text of this file is cut" };
        var reach = new Option<bool>("--unreachable") { Description = "count tokens that no text gives" };
        var html = new Option<string?>("--html") { Description = "write a page into this file" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("inspect", "Show what a tokenizer is made of") { source, text, file, reach, html, json };
        command.SetAction(parsed =>
        {
            string path = parsed.GetRequiredValue(source);
            Tokenizer tokenizer = Tokenizer.Load(path);
            VocabularyReport report = VocabularyReport.Of(tokenizer, parsed.GetValue(reach));
            string? sample = parsed.GetValue(text) ?? (parsed.GetValue(file) is { } name ? TextInput.ReadFile(name) : null);
            Tokenizers.Encoding? encoding = sample is null ? null : tokenizer.Encode(sample, null, new EncodeOptions { Truncate = false, Pad = false });
            TextWriter output = parsed.InvocationConfiguration.Output;
            List<(string Name, string Value)> facts = Facts(tokenizer, report);
            if (parsed.GetValue(html) is { } page)
                TextFile.Write(page, Page(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))), facts, report, sample, encoding));
            if (parsed.GetValue(json))
            {
                JsonText.Print(output, writer => Write(writer, tokenizer, report, encoding));
                return;
            }

            foreach ((string fact, string value) in facts)
                output.WriteLine($"{fact,-14}{value}");
            if (sample is not null && encoding is not null)
            {
                output.WriteLine();
                output.WriteLine($"{encoding.Count} tokens:");
                TokenPrinter.Print(output, sample, encoding);
            }
        });
        return command;
    }

    private static List<(string Name, string Value)> Facts(Tokenizer tokenizer, VocabularyReport report)
    {
        string Count(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
        List<(string, string)> facts =
        [
            ("model", report.Model),
            ("tokens", $"{Count(report.ModelTokens)} in the model, {Count(report.AddedTokens)} added ({Count(report.SpecialTokens)} special); ids below {Count(report.IdLimit)}{(report.Gaps > 0 ? $", {Count(report.Gaps)} of them without a token" : "")}"),
            ("word starts", Count(report.WordStarts)),
            ("normalizer", Name(tokenizer.Normalizer, "Normalizer")),
            ("pre-tokenizer", Name(tokenizer.PreTokenizer, "PreTokenizer")),
            ("processor", Name(tokenizer.PostProcessor, "Processing")),
            ("decoder", Name(tokenizer.Decoder, "Decoder")),
            ("lengths", string.Join(", ", report.Lengths.Select((count, length) => (count, length)).Where(entry => entry.count > 0).Select(entry => $"{entry.length}{(entry.length == report.Lengths.Count - 1 ? "+" : "")}: {Count(entry.count)}"))),
            ("longest", string.Join(", ", report.Longest.Select(token => JsonEncodedText.Encode(token.Text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)))),
        ];
        if (report.UnreachableCount is { } unreachable)
            facts.Add(("unreachable", $"{Count(unreachable)}{(unreachable > 0 ? ": " + string.Join(", ", report.Unreachable.Select(token => $"{token.Id} {JsonEncodedText.Encode(token.Text, System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}")) : "")}"));
        return facts;
    }

    private static string Name(object? part, string suffix) => part switch
    {
        null => "none",
        SequenceNormalizer sequence => string.Join(", ", sequence.Normalizers.Select(inner => Name(inner, suffix))),
        SequencePreTokenizer sequence => string.Join(", ", sequence.PreTokenizers.Select(inner => Name(inner, suffix))),
        SequenceDecoder sequence => string.Join(", ", sequence.Decoders.Select(inner => Name(inner, suffix))),
        _ => part.GetType().Name.Replace(suffix, "", StringComparison.Ordinal),
    };

    private static string Page(string title, List<(string Name, string Value)> facts, VocabularyReport report, string? sample, Tokenizers.Encoding? encoding)
    {
        var page = new TokenizerPage(title);
        page.Table(["", ""], facts.Select(fact => (IReadOnlyList<string>)[fact.Name, fact.Value]));
        page.Heading("Lengths in characters");
        page.Table(["characters", "tokens"], report.Lengths.Select((count, length) => (IReadOnlyList<string>)[length.ToString(CultureInfo.InvariantCulture) + (length == report.Lengths.Count - 1 ? "+" : ""), count.ToString("N0", CultureInfo.InvariantCulture)]));
        if (sample is not null && encoding is not null)
        {
            page.Heading($"{encoding.Count} tokens");
            page.Tokens(sample, encoding);
        }

        return page.ToString();
    }

    private static void Write(Utf8JsonWriter json, Tokenizer tokenizer, VocabularyReport report, Tokenizers.Encoding? encoding)
    {
        json.WriteStartObject();
        json.WriteString("model", report.Model);
        json.WriteNumber("model_tokens", report.ModelTokens);
        json.WriteNumber("added_tokens", report.AddedTokens);
        json.WriteNumber("special_tokens", report.SpecialTokens);
        json.WriteNumber("id_limit", report.IdLimit);
        json.WriteNumber("gaps", report.Gaps);
        json.WriteNumber("word_starts", report.WordStarts);
        json.WriteString("normalizer", Name(tokenizer.Normalizer, "Normalizer"));
        json.WriteString("pre_tokenizer", Name(tokenizer.PreTokenizer, "PreTokenizer"));
        json.WriteString("post_processor", Name(tokenizer.PostProcessor, "Processing"));
        json.WriteString("decoder", Name(tokenizer.Decoder, "Decoder"));
        json.WriteStartArray("lengths");
        foreach (int count in report.Lengths)
            json.WriteNumberValue(count);
        json.WriteEndArray();
        Tokens(json, "longest", report.Longest);
        if (report.UnreachableCount is { } unreachable)
        {
            json.WriteNumber("unreachable", unreachable);
            Tokens(json, "unreachable_examples", report.Unreachable);
        }

        if (encoding is not null)
        {
            json.WriteStartArray("ids");
            foreach (int id in encoding.Ids)
                json.WriteNumberValue(id);
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void Tokens(Utf8JsonWriter json, string name, IReadOnlyList<(int Id, string Text)> tokens)
    {
        json.WriteStartArray(name);
        foreach ((int id, string text) in tokens)
        {
            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("text", text);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
