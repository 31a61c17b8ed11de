using System.CommandLine;
using Merganser.Experiments;

namespace Merganser.Cli;

/// <summary>The verbs of the command line, in the order of the help.</summary>
internal static class Verbs
{
    public static IReadOnlyList<Func<Command>> All { get; } =
    [
        MergeVerb.Create,
        InspectVerb.Create,
        DiffVerb.Create,
        ConvertVerb.Create,
        LoraVerb.Create,
        LoraVerb.CreateAlias,
        MoeVerb.Create,
        LayerSwapVerb.Create,
        ChangeMapVerb.Create,
        FillVerb.Create,
        ShuffleVerb.Create,
        MergeRawVerb.Create,
        EvaluateVerb.Create,
        SearchVerb.Create,
        () => ReproduceVerb.Create(ExperimentCatalogue.All),
        () => SystemsVerb.Create(ExperimentCatalogue.All),
        TokenizerVerb.Create,
        PullVerb.Create,
        MethodsVerb.Create,
        CompletionVerb.Create,
    ];
}
