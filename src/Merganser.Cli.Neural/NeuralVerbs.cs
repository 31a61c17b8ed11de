using System.CommandLine;

namespace Merganser.Cli.Neural;

/// <summary>The verbs that compute with models. Their names and descriptions are also in neural-verbs.txt of the managed command line, for its help.</summary>
internal static class NeuralVerbs
{
    public static IReadOnlyList<Func<Command>> All { get; } =
    [
        GenerateVerb.Create,
        ChatVerb.Create,
        PerplexityVerb.Create,
        TrainVerb.Create,
        ClassifyVerb.Create,
        EmbedVerb.Create,
        SweepVerb.Create,
        VisualizeVerb.Create,
        LearnRatesVerb.Create,
    ];
}
