using System.CommandLine;
using System.Reflection;

namespace Merganser.Cli;

/// <summary>The verbs of the neural part, as far as a program without it knows them: name and description, for help and completion.</summary>
internal static class NeuralStubs
{
    /// <summary>A command for each neural verb that <paramref name="present"/> lacks.</summary>
    public static IEnumerable<Command> Missing(IReadOnlyCollection<string> present)
    {
        using Stream list = Assembly.GetExecutingAssembly().GetManifestResourceStream("neural-verbs.txt")!;
        using var lines = new StreamReader(list);
        while (lines.ReadLine() is { } line)
        {
            string[] parts = line.Split('\t');
            if (present.Contains(parts[0]))
                continue;
            var command = new Command(parts[0], parts[1]) { TreatUnmatchedTokensAsErrors = false };
            command.SetAction(void (_) => throw new MerganserException($"'{parts[0]}' computes with models and needs libtorch, which this program was built without; run ./merganser of the repository, which builds the other one"));
            yield return command;
        }
    }
}
