namespace Merganser.Neural.Training;

/// <summary>How the learning rate goes down after the warm-up.</summary>
public enum ScheduleShape
{
    /// <summary>Stays at the peak.</summary>
    Constant,

    /// <summary>A straight line down to the floor.</summary>
    Linear,

    /// <summary>Half a cosine down to the floor.</summary>
    Cosine,
}

/// <summary>
/// The learning rate of each step: a straight line from 0 up to <see cref="Peak"/> over <see cref="WarmupSteps"/> (step 1 of them has
/// Peak/WarmupSteps), then the shape down to <see cref="Floor"/>·Peak, reached after the last step.
/// </summary>
public sealed record LearningRateSchedule
{
    /// <summary>The highest rate, above 0; 1e-3 by default.</summary>
    public double Peak { get; init; } = 1e-3;

    /// <summary>The shape; cosine by default.</summary>
    public ScheduleShape Shape { get; init; } = ScheduleShape.Cosine;

    /// <summary>Steps of warm-up, 0 by default.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>The lowest rate as a share of the peak, 0 to 1; 0 by default.</summary>
    public double Floor { get; init; }

    /// <summary>The rate of a step, counted from 0, of a run of <paramref name="steps"/> steps.</summary>
    public double At(int step, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (step < WarmupSteps)
            return Peak * (step + 1) / WarmupSteps;
        double done = steps <= WarmupSteps ? 1 : Math.Min(1, (double)(step - WarmupSteps) / (steps - WarmupSteps));
        double share = Shape switch
        {
            ScheduleShape.Linear => 1 - done,
            ScheduleShape.Cosine => 0.5 * (1 + Math.Cos(Math.PI * done)),
            _ => 1,
        };
        return Peak * (Floor + ((1 - Floor) * share));
    }
}
