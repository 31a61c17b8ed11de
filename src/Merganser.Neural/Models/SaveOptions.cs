using Merganser.Checkpoints;

namespace Merganser.Neural.Models;

/// <summary>How a model is written.</summary>
public sealed record SaveOptions
{
    /// <summary>The defaults.</summary>
    public static SaveOptions Default { get; } = new();

    /// <summary>The floating-point type of the stored tensors; null stores the type in which the model computes.</summary>
    public DType? DType { get; init; }

    /// <summary>Most tensor bytes in a file, 5 GB by default; 0 or less: one file.</summary>
    public long MaxShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Replace the folder if it exists and is not empty.</summary>
    public bool Overwrite { get; init; }
}
