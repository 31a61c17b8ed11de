namespace Merganser.Neural.Training;

/// <summary>How a run goes.</summary>
public sealed record TrainerOptions
{
    /// <summary>The number of updates.</summary>
    public required int Steps { get; init; }

    /// <summary>Examples in a part of a batch; 32 by default.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Parts whose gradients are averaged before an update; 1 by default.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>The learning rate.</summary>
    public LearningRateSchedule Schedule { get; init; } = new();

    /// <summary>The method; AdamW with its defaults if left out.</summary>
    public Func<IReadOnlyList<TrainedParameter>, Optimizer> Optimizer { get; init; } = static parameters => new AdamW(parameters);

    /// <summary>Gradients with a larger norm are scaled down to it; 0: never. 1 by default.</summary>
    public double MaxGradientNorm { get; init; } = 1;

    /// <summary>The memory of an exponential mean of the parameters, below 1; 0 (none) by default. It starts as min(decay, (1+t)/(10+t)), is what is evaluated, and what the parameters are in the end.</summary>
    public double AverageDecay { get; init; }

    /// <summary>The seed of order and random changes.</summary>
    public ulong Seed { get; init; }

    /// <summary>Steps between evaluations; 0: only in the end.</summary>
    public int EvaluateEvery { get; init; }

    /// <summary>Evaluations without a better one after which the run ends; 0: never.</summary>
    public int Patience { get; init; }

    /// <summary>A better evaluation is better by more than this.</summary>
    public double MinImprovement { get; init; }

    /// <summary>The best evaluation is that with the highest score, not that with the lowest loss.</summary>
    public bool JudgeByScore { get; init; }

    /// <summary>The parameters of the best evaluation are kept and are those of the result.</summary>
    public bool KeepBest { get; init; }

    /// <summary>Where the state of the run is kept (one file, replaced); null: nowhere. If the file is there the run goes on from it.</summary>
    public string? StatePath { get; init; }

    /// <summary>Steps between savings of the state; 0: only when the run is cancelled.</summary>
    public int SaveEvery { get; init; }

    /// <summary>A text that belongs to the run, such as its recipe: a state with another is refused.</summary>
    public string Identity { get; init; } = "";

    /// <summary>Steps between rows of the log and reports of progress; 1 by default.</summary>
    public int LogEvery { get; init; } = 1;

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Steps);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(BatchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Accumulation);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(LogEvery);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxGradientNorm);
        ArgumentOutOfRangeException.ThrowIfNegative(AverageDecay);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(AverageDecay, 1);
    }
}
