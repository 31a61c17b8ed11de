using System.CommandLine;

namespace Merganser.Cli;

/// <summary>The verbs of the command line, in the order of the help.</summary>
internal static class Verbs
{
    public static IReadOnlyList<Func<Command>> All { get; } =
    [
        MergeVerb.Create,
        EvaluateVerb.Create,
        MethodsVerb.Create,
        CompletionVerb.Create,
    ];
}
