using System.CommandLine;
using System.Text;
using Merganser.Neural.Decoding;

namespace Merganser.Cli.Neural;

/// <summary><c>chat</c>: talks with a model, line by line.</summary>
internal static class ChatVerb
{
    public static Command Create()
    {
        var model = new ModelArguments();
        var sampling = new SamplingArguments();
        var decoding = new DecodingArguments();
        var system = new Option<string?>("--system") { Description = "what the model is told before the conversation" };
        var once = new Option<string?>("--message", "-m") { Description = "say this, print the answer and end" };
        var command = new Command("chat", "Talk with a chat model; /reset forgets the conversation, /exit or end of input ends");
        model.AddTo(command);
        sampling.AddTo(command);
        decoding.AddTo(command);
        command.Add(system);
        command.Add(once);
        command.SetAction((parsed, cancellation) =>
        {
            using ChatModel chat = ChatModel.Load(parsed.GetRequiredValue(model.Model), model.Options(parsed), decoding.Read(parsed, model));
            GenerationOptions options = sampling.Read(parsed, chat.Recommended);
            TextWriter output = parsed.InvocationConfiguration.Output;
            List<(string Role, string Content)> opening = parsed.GetValue(system) is { } told ? [("system", told)] : [];
            List<(string Role, string Content)> messages = [.. opening];
            bool talks = parsed.GetValue(once) is null && !Console.IsInputRedirected;
            for (string? line = parsed.GetValue(once) ?? Next(output, talks); line is not null && line.Trim() != "/exit"; line = parsed.GetValue(once) is null ? Next(output, talks) : null)
            {
                if (line.Trim() == "/reset")
                {
                    messages = [.. opening];
                    continue;
                }

                messages.Add(("user", line));
                var answer = new StringBuilder();
                foreach (string piece in chat.Stream(messages, options, cancellation))
                {
                    answer.Append(piece);
                    output.Write(piece);
                    output.Flush();
                }

                output.WriteLine();
                messages.Add(("assistant", answer.ToString()));
            }

            return Task.FromResult(0);
        });
        return command;
    }

    private static string? Next(TextWriter output, bool talks)
    {
        if (talks)
            output.Write("> ");
        return Console.In.ReadLine();
    }
}
