using Merganser.Experiments.Studies;

namespace Merganser.Experiments;

/// <summary>All experiments that need no libtorch, by id. Programs with the neural part add theirs.</summary>
public static class ExperimentCatalogue
{
    /// <summary>The experiments, in the order of the list.</summary>
    public static IReadOnlyList<Experiment> All { get; } =
    [
        new TaskArithmeticExperiment(), new TiesExperiment(), new DareExperiment(), new PcbExperiment(),
        new TsvmExperiment(), new RtsvmExperiment(), new SceExperiment(), new VarmExperiment(), new TwinExperiment(), new MergeScaleExperiment(),
    ];
}
