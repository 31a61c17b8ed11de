using System.Numerics.Tensors;

namespace Merganser.Weights.Selection;

/// <summary>How signs are elected.</summary>
internal enum TiesResolve
{
    Mass,
    NormMass,
    NormFraction,
    None,
}

/// <summary>How the values that agree are merged.</summary>
internal enum TiesMerge
{
    Mean,
    Sum,
    Max,
}

/// <summary>How task vectors are trimmed.</summary>
internal enum TiesReset
{
    TopK,
    Deviation,
    NormShare,
}

/// <summary>The options of the original TIES, see <see cref="Methods.TiesModel"/>.</summary>
/// <param name="Density">K as given: a share, above 1 a percentage.</param>
/// <param name="Resolve">How signs are elected.</param>
/// <param name="Merge">How the values that agree are merged.</param>
/// <param name="Reset">How task vectors are trimmed.</param>
/// <param name="Lambda">The factor of the merged task vector.</param>
internal sealed record TiesRule(double Density, TiesResolve Resolve, TiesMerge Merge, TiesReset Reset, float Lambda)
{
    /// <summary>K as a share.</summary>
    public double Share => Density > 1 ? Density / 100 : Density;
}

/// <summary>What decides for one model which elements survive the trimming and how much its vote counts.</summary>
internal struct TiesTrim()
{
    /// <summary>Magnitudes up to this bit pattern go; −1 keeps all.</summary>
    public int Limit = -1;

    /// <summary>The mean of the task vector.</summary>
    public double Mean;

    /// <summary>Elements nearer to the mean go; negative to use <see cref="Limit"/>.</summary>
    public float Distance = -1;

    /// <summary>1/‖τ‖² of the trimmed task vector.</summary>
    public float InverseSquare = 1;

    /// <summary>Makes δ of θ in place, trimmed.</summary>
    public readonly void Trim(Span<float> values, ReadOnlySpan<float> origin)
    {
        TensorPrimitives.Subtract(values, origin, values);
        if (Distance < 0)
        {
            if (Limit >= 0)
                MagnitudeCut.KeepAbove(values, Limit);
            return;
        }

        foreach (ref float value in values)
        {
            if (!(Math.Abs(value - (float)Mean) > Distance))
                value = 0;
        }
    }
}
