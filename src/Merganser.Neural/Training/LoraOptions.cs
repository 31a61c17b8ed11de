namespace Merganser.Neural.Training;

/// <summary>A LoRA adapter that is trained in place of the model's weights.</summary>
public sealed record LoraOptions
{
    /// <summary>What stands for every linear layer in <see cref="Targets"/>.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>Rows of A and columns of B, 1 or more; 8 by default.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>The product B·A counts Alpha/Rank times; 16 by default.</summary>
    public double Alpha { get; init; } = 16;

    /// <summary>The share of an adapter's inputs that a training step leaves out, 0 to below 1; 0 by default.</summary>
    public double Dropout { get; init; }

    /// <summary>The last parts of the names of the layers that get one, or <see cref="AllLinear"/>; empty: the projections of queries and values.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [];
}
