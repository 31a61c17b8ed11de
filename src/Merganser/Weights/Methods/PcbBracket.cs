namespace Merganser.Weights.Methods;

/// <summary>Where a sample of a task's changes puts the bounds: each lies between a From and a To, almost surely.</summary>
internal readonly record struct PcbBracket(float LowFrom, float LowTo, float HighFrom, float HighTo)
{
    /// <summary>One over the range that gives the greatest norm.</summary>
    public float MostInverse { get; } = PcbKernel.Inverse(HighFrom - LowFrom);

    /// <summary>One over the range that gives the least norm.</summary>
    public float LeastInverse { get; } = PcbKernel.Inverse(HighTo - LowTo);

    /// <summary>False when the brackets of the two bounds touch: nothing follows for P then.</summary>
    public bool IsUsable => HighFrom - LowTo > 1e-30f && float.IsFinite(HighTo);

    /// <summary>The bound below which P counts nothing.</summary>
    public float FloorFrom { get; init; } = float.NegativeInfinity;

    /// <summary>The upper end of its bracket.</summary>
    public float FloorTo { get; init; } = float.PositiveInfinity;

    /// <summary>By how much of themselves the ends were moved outwards for rounding.</summary>
    public float Slack { get; init; }

    /// <summary>What the greatest P reaches at least.</summary>
    public float Ceiling { get; init; } = float.NegativeInfinity;
}
