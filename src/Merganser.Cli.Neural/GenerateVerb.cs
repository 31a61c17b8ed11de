using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Merganser.Neural.Decoding;

namespace Merganser.Cli.Neural;

/// <summary><c>generate</c>: continues a prompt.</summary>
internal static class GenerateVerb
{
    public static Command Create()
    {
        var model = new ModelArguments();
        var prompt = new Argument<string?>("prompt") { Description = "the text to continue; left out: standard input", Arity = ArgumentArity.ZeroOrOne };
        var sampling = new SamplingArguments();
        var decoding = new DecodingArguments();
        var stats = new Option<bool>("--stats") { Description = "print tokens per second afterwards" };
        var command = new Command("generate", "Continue a prompt with a language model");
        model.AddTo(command);
        command.Add(prompt);
        sampling.AddTo(command);
        decoding.AddTo(command);
        command.Add(stats);
        command.SetAction((parsed, cancellation) =>
        {
            string folder = parsed.GetRequiredValue(model.Model);
            using TextGenerator generator = TextGenerator.Load(folder, model.Options(parsed), decoding.Read(parsed, model));
            GenerationOptions options = sampling.Read(parsed, GenerationOptions.Recommended(folder));
            string text = parsed.GetValue(prompt) ?? Console.In.ReadToEnd();
            TextWriter output = parsed.InvocationConfiguration.Output;
            var clock = Stopwatch.StartNew();
            TimeSpan first = default;
            int pieces = 0;
            foreach (string piece in generator.Stream(text, options, cancellation))
            {
                if (pieces++ == 0)
                    first = clock.Elapsed;
                output.Write(piece);
                output.Flush();
            }

            output.WriteLine();
            if (parsed.GetValue(stats))
            {
                double seconds = (clock.Elapsed - first).TotalSeconds;
                parsed.InvocationConfiguration.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"first piece after {first.TotalSeconds:F2} s, then {(pieces - 1) / Math.Max(seconds, 1e-9):F1} pieces per second"));
            }

            return Task.FromResult(0);
        });
        return command;
    }
}
