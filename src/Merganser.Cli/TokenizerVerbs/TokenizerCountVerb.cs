using System.CommandLine;
using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary><c>tokenizer count</c>: how many tokens texts have.</summary>
internal static class TokenizerCountVerb
{
    public static Command Create()
    {
        Argument<string> source = TokenizerVerb.Source();
        var input = new TextInput();
        var plain = new Option<bool>("--no-special") { Description = "do not count the special tokens that are put in" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("count", "Count the tokens of texts or files") { source, input.Words, input.Files, input.Lines, plain, json };
        command.SetAction(parsed =>
        {
            Tokenizer tokenizer = Tokenizer.Load(parsed.GetRequiredValue(source));
            TextWriter output = parsed.InvocationConfiguration.Output;
            List<(string Name, long Tokens, long Bytes)> counts = [];
            foreach ((string name, string text) in input.Read(parsed))
                counts.Add((name, tokenizer.CountTokens(text, !parsed.GetValue(plain)), System.Text.Encoding.UTF8.GetByteCount(text)));
            if (parsed.GetValue(json))
            {
                JsonText.Print(output, writer =>
                {
                    writer.WriteStartArray();
                    foreach ((string name, long tokens, long bytes) in counts)
                    {
                        writer.WriteStartObject();
                        if (name.Length > 0)
                            writer.WriteString("file", name);
                        writer.WriteNumber("tokens", tokens);
                        writer.WriteNumber("bytes", bytes);
                        writer.WriteEndObject();
                    }

                    writer.WriteEndArray();
                });
                return;
            }

            if (counts.TrueForAll(count => count.Name.Length == 0))
            {
                foreach ((_, long tokens, _) in counts)
                    output.WriteLine(tokens.ToString(CultureInfo.InvariantCulture));
                return;
            }

            var table = new TextTable("file", "tokens", "bytes", "bytes per token");
            foreach ((string name, long tokens, long bytes) in counts)
                table.Add(name, Number(tokens), Number(bytes), Ratio(bytes, tokens));
            if (counts.Count > 1)
                table.Add("all", Number(counts.Sum(count => count.Tokens)), Number(counts.Sum(count => count.Bytes)), Ratio(counts.Sum(count => count.Bytes), counts.Sum(count => count.Tokens)));
            table.Print(output, 1);
        });
        return command;
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Ratio(long bytes, long tokens) => tokens == 0 ? "–" : ((double)bytes / tokens).ToString("F2", CultureInfo.InvariantCulture);
}
