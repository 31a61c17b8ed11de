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

    /// <summary>The lower end of the bracket of P's bound if the upper bound of |T| is the least that it may be, which makes P greatest.</summary>
    public float FloorFromAtMost { get; init; } = float.NegativeInfinity;

    /// <summary>The upper end if the upper bound of |T| is the greatest that it may be.</summary>
    public float FloorToAtLeast { get; init; } = float.PositiveInfinity;

    /// <summary>By how much of themselves the ends were moved outwards for rounding.</summary>
    public float Slack { get; init; }

    /// <summary>What the greatest P reaches at least.</summary>
    public float Ceiling { get; init; } = float.NegativeInfinity;

    /// <summary>
    /// The bracket of P's bound for one upper bound of |T| between its brackets, where the lower one is 0: log P is linear in one over the
    /// square of that bound, so what lies below (above) a bracket at both of its ends lies below (above) the line between them.
    /// </summary>
    public (float From, float To) FloorAt(float high)
    {
        double most = (double)MostInverse * MostInverse, least = (double)LeastInverse * LeastInverse, inverse = PcbKernel.Inverse(high);
        if (!(most > least))
            return (Math.Min(FloorFrom, FloorFromAtMost), Math.Max(FloorTo, FloorToAtLeast));
        double share = Math.Clamp(((inverse * inverse) - least) / (most - least), 0, 1);
        float to = float.IsFinite(FloorTo) && float.IsFinite(FloorToAtLeast) ? Between(FloorToAtLeast, FloorTo, share) : float.PositiveInfinity;
        return (Between(FloorFrom, FloorFromAtMost, share), to);
    }

    private static float Between(float atLeast, float atMost, double share) => (float)(Math.Pow(atLeast, 1 - share) * Math.Pow(atMost, share));
}
