namespace Merganser.Neural.Tokens;

/// <summary>What one reducer with one budget gave on labelled images.</summary>
public sealed record SweepRow
{
    /// <summary>The reducer, or <c>none</c> for the whole model.</summary>
    public required string Reducer { get; init; }

    /// <summary>The budget in the words of the schedule.</summary>
    public required string Budget { get; init; }

    /// <summary>Operations per image of blocks, patches and head, 10⁹; a multiply-add is two.</summary>
    public required double Giga { get; init; }

    /// <summary>The part of the whole model's operations.</summary>
    public required double Part { get; init; }

    /// <summary>The part of the blocks' operations that was wanted, if one was.</summary>
    public double? Wanted { get; init; }

    /// <summary>The part of the blocks' operations.</summary>
    public required double BlockPart { get; init; }

    /// <summary>The wanted part was missed by more than 2 % of the whole.</summary>
    public bool Missed => Wanted is { } wanted && Math.Abs(BlockPart - wanted) > 0.02;

    /// <summary>The tokens after the last block.</summary>
    public required long Tokens { get; init; }

    /// <summary>The part of the images that was right.</summary>
    public required double Accuracy { get; init; }

    /// <summary>95 % of the resampled accuracies lie between.</summary>
    public required (double Low, double High) AccuracyInterval { get; init; }

    /// <summary>Accuracy less that of the whole model on the same images.</summary>
    public required double Difference { get; init; }

    /// <summary>95 % of the resampled differences lie between.</summary>
    public required (double Low, double High) DifferenceInterval { get; init; }

    /// <summary>Images per second of the model alone: no reading or resizing.</summary>
    public required double Speed { get; init; }

    /// <summary>Over the whole model, on the same batches in turn.</summary>
    public required double SpeedUp { get; init; }

    /// <summary>Resident memory of the process at its highest, MiB; null where the system does not tell.</summary>
    public double? PeakMemory { get; init; }
}
