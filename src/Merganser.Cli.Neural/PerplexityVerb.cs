using System.CommandLine;
using System.Globalization;
using Merganser.Neural.Decoding;

namespace Merganser.Cli.Neural;

/// <summary><c>perplexity</c>: how well a language model predicts texts.</summary>
internal static class PerplexityVerb
{
    public static Command Create()
    {
        var model = new ModelArguments();
        var files = new Argument<string[]>("files") { Description = "UTF-8 text files", Arity = ArgumentArity.OneOrMore };
        var context = new Option<int?>("--context") { Description = "tokens in a window (default: the model's context, at most 2048)" };
        var stride = new Option<int?>("--stride") { Description = "how far the window moves (default: half the context)" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("perplexity", "How well a language model predicts a text: perplexity per token, bits per byte");
        model.AddTo(command);
        command.Add(files);
        command.Add(context);
        command.Add(stride);
        command.Add(json);
        command.SetAction((parsed, cancellation) =>
        {
            (string Name, string Text)[] texts = [.. parsed.GetRequiredValue(files).Select(path => (path, TextInput.ReadFile(path)))];
            using TextGenerator loaded = TextGenerator.Load(parsed.GetRequiredValue(model.Model), model.Options(parsed));
            int window = parsed.GetValue(context) ?? Math.Min(loaded.Model.MaxPositions, 2048);
            int step = parsed.GetValue(stride) ?? Math.Max(1, window / 2);
            TextWriter output = parsed.InvocationConfiguration.Output;
            var rows = new List<(string Name, Perplexity Result)>();
            foreach ((string name, string text) in texts)
                rows.Add((name, Perplexity.Measure(loaded.Model, loaded.Tokenizer, text, window, step, cancellation: cancellation)));
            if (parsed.GetValue(json))
            {
                JsonText.Print(output, writer =>
                {
                    writer.WriteStartArray();
                    foreach ((string name, Perplexity result) in rows)
                    {
                        writer.WriteStartObject();
                        writer.WriteString("file", name);
                        writer.WriteNumber("tokens", result.Tokens);
                        writer.Number("perplexity", result.PerToken);
                        writer.Number("bits_per_byte", result.BitsPerByte);
                        writer.WriteEndObject();
                    }

                    writer.WriteEndArray();
                });
                return Task.FromResult(0);
            }

            var table = new TextTable("file", "tokens", "perplexity", "bits per byte");
            foreach ((string name, Perplexity result) in rows)
                table.Add(name, result.Tokens.ToString("N0", CultureInfo.InvariantCulture), result.PerToken.ToString("G5", CultureInfo.InvariantCulture), result.BitsPerByte.ToString("F4", CultureInfo.InvariantCulture));
            table.Print(output, 1);
            return Task.FromResult(0);
        });
        return command;
    }
}
