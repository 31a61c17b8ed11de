using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary><c>tokenizer compare</c>: several tokenizers on the same texts.</summary>
internal static class TokenizerCompareVerb
{
    public static Command Create()
    {
        var sources = new Argument<string[]>("tokenizers") { Description = "two or more tokenizers; the first is what the boundaries of the others are compared with", Arity = ArgumentArity.OneOrMore };
        var text = new Option<string?>("--text") { Description = "compare on this text" };
        var files = new Option<string[]>("--file", "-f") { Description = "compare on this file (name=path gives it a name such as a language; *.jsonl holds a 'lang' and a 'text' per line; *.gz is unpacked); may be given several times" };
        var html = new Option<string?>("--html") { Description = "write a page into this file" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("compare", "Compare tokenizers: fertility, bytes per token, boundaries, per language") { sources, text, files, html, json };
        command.SetAction(parsed =>
        {
            string[] paths = parsed.GetRequiredValue(sources);
            List<(string Name, Tokenizer Tokenizer)> tokenizers = [.. Names(paths).Zip(paths.Select(Tokenizer.Load))];
            List<NamedText> texts = [];
            if (parsed.GetValue(text) is { } given)
                texts.Add(new NamedText("text", given));
            foreach (string file in parsed.GetValue(files) ?? [])
                texts.AddRange(NamedTextFile.Read(file));
            if (texts.Count == 0)
                throw new MerganserException("there is nothing to compare on; give --text or --file");
            IReadOnlyList<TokenizerScore> scores = TokenizerComparison.Compare(tokenizers, texts);
            string? sample = texts.Count == 1 && texts[0].Text.Length <= 4000 ? texts[0].Text : null;
            if (parsed.GetValue(html) is { } page)
                TextFile.Write(page, Page(tokenizers, scores, texts));
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
            {
                JsonText.Print(output, writer => Write(writer, scores));
                return;
            }

            Print(output, scores, texts.Count);
            if (sample is null)
                return;
            foreach ((string name, Tokenizer tokenizer) in tokenizers)
            {
                output.WriteLine();
                output.WriteLine($"{name}:");
                TokenPrinter.Print(output, sample, Encode(tokenizer, sample));
            }
        });
        return command;
    }

    private static readonly string[] Headings = ["text", "tokenizer", "tokens", "bytes/token", "chars/token", "tokens/word", "unknown", "boundaries"];

    private static void Print(TextWriter output, IReadOnlyList<TokenizerScore> scores, int texts)
    {
        var table = new TextTable(Headings);
        foreach (TokenizerScore score in scores)
            table.Add(Row(score));
        if (texts > 1)
        {
            foreach (TokenizerScore total in Totals(scores))
                table.Add(Row(total));
        }

        table.Print(output, 2);
    }

    private static string[] Row(TokenizerScore score) =>
    [
        score.Text, score.Tokenizer, score.Tokens.ToString("N0", CultureInfo.InvariantCulture), Number(score.BytesPerToken), Number(score.CharactersPerToken), Number(score.Fertility),
        score.Unknown.ToString("N0", CultureInfo.InvariantCulture), score.Agreement.ToString("P1", CultureInfo.InvariantCulture),
    ];

    private static string Number(double value) => double.IsFinite(value) ? value.ToString("F2", CultureInfo.InvariantCulture) : "–";

    /// <summary>Sums over all texts; the agreement is the mean of the texts'.</summary>
    private static IEnumerable<TokenizerScore> Totals(IReadOnlyList<TokenizerScore> scores) => scores.GroupBy(score => score.Tokenizer).Select(group => new TokenizerScore(
        group.Key, "all", group.Sum(score => score.Tokens), group.Sum(score => score.Unknown), group.Sum(score => score.Bytes), group.Sum(score => score.Characters),
        group.Sum(score => score.Words), group.Average(score => score.Agreement)));

    private static string Page(List<(string Name, Tokenizer Tokenizer)> tokenizers, IReadOnlyList<TokenizerScore> scores, List<NamedText> texts)
    {
        const int shown = 1500;
        var page = new TokenizerPage("Tokenizers compared");
        page.Table(Headings, scores.Concat(texts.Count > 1 ? Totals(scores) : []).Select(score => (IReadOnlyList<string>)Row(score)));
        foreach (NamedText text in texts)
        {
            string part = text.Text.Length > shown ? text.Text[..(shown - (char.IsHighSurrogate(text.Text[shown - 1]) ? 1 : 0))] : text.Text;
            foreach ((string name, Tokenizer tokenizer) in tokenizers)
            {
                page.Heading($"{text.Name}: {name}");
                page.Tokens(part, Encode(tokenizer, part));
            }
        }

        return page.ToString();
    }

    private static Tokenizers.Encoding Encode(Tokenizer tokenizer, string text) =>
        tokenizer.Encode(text, null, new EncodeOptions { AddSpecialTokens = false, Truncate = false, Pad = false });

    private static void Write(Utf8JsonWriter json, IReadOnlyList<TokenizerScore> scores)
    {
        json.WriteStartArray();
        foreach (TokenizerScore score in scores)
        {
            json.WriteStartObject();
            json.WriteString("text", score.Text);
            json.WriteString("tokenizer", score.Tokenizer);
            json.WriteNumber("tokens", score.Tokens);
            json.WriteNumber("unknown", score.Unknown);
            json.WriteNumber("bytes", score.Bytes);
            json.WriteNumber("characters", score.Characters);
            json.WriteNumber("words", score.Words);
            json.Number("bytes_per_token", score.BytesPerToken);
            json.Number("tokens_per_word", score.Fertility);
            json.Number("boundary_agreement", score.Agreement);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>The last parts of the paths, as many as tell them apart.</summary>
    private static string[] Names(string[] paths)
    {
        string[][] parts = [.. paths.Select(path => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)).Split(Path.DirectorySeparatorChar))];
        for (int depth = 1; depth < 8; depth++)
        {
            string[] names = [.. parts.Select(part => string.Join('/', part.TakeLast(depth)))];
            if (names.Distinct().Count() == names.Length)
                return names;
        }

        return paths;
    }
}
