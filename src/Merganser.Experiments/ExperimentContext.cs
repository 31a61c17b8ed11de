using Merganser.Experiments.Synth;

namespace Merganser.Experiments;

/// <summary>What a run may use: its seeds, its size, the folder of models. Families that several experiments train are trained once.</summary>
public sealed class ExperimentContext
{
    private readonly Dictionary<SynthOptions, SynthFamily> _families = [];

    /// <summary>True for a run of seconds that only shows that everything works; its verdicts mean little.</summary>
    public bool Quick { get; init; }

    /// <summary>The first seed.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>How many seeds; null for the experiment's own number.</summary>
    public int? SeedCount { get; init; }

    /// <summary>The folder with the families of checkpoints (see docs/reproduce.md).</summary>
    public string Models { get; init; } = "models";

    /// <summary>Receives a line when a longer step begins.</summary>
    public Action<string>? Progress { get; init; }

    /// <summary>Stops the run between two steps.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>The seeds: <paramref name="full"/> of them, two in a quick run, or as many as were asked for.</summary>
    public IReadOnlyList<int> Seeds(int full) => [.. Enumerable.Range(Seed, SeedCount ?? (Quick ? 2 : full))];

    /// <summary>Tells what happens now; the place where a run can be stopped.</summary>
    public void Report(string step)
    {
        Cancellation.ThrowIfCancellationRequested();
        Progress?.Invoke(step);
    }

    /// <summary>A family of small networks, trained now unless it has been already. Quick runs get a smaller one.</summary>
    public SynthFamily Train(SynthOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (Quick)
            options = options.Quick();
        if (!_families.TryGetValue(options, out SynthFamily? family))
        {
            Report($"training {options.Tasks} experts of width {options.Width} from a {(options.StrongBase ? "strong" : "weak")} base, seed {options.Seed}");
            _families[options] = family = SynthFamily.Train(options, Cancellation);
        }

        return family;
    }
}
