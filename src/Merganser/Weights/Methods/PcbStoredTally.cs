using System.Runtime.Intrinsics;

namespace Merganser.Weights.Methods;

/// <summary>The tally of one task over stored numbers: what <see cref="PcbStored"/> counts, and where the elements go that it leaves open.</summary>
internal sealed class PcbStoredTally(PcbBracket bracket, int tasks, PcbTally tally)
{
    /// <summary>The greatest P so far, from below.</summary>
    public float Best { get; private set; } = bracket.Ceiling;

    /// <summary>False for brackets that the rough bounds do not suit: sizes that are never 0, or a bound of P that is not positive.</summary>
    public static bool Suits(in PcbBracket bracket) => bracket is { LowFrom: 0, LowTo: 0, FloorFrom: > 1e-30f, FloorFromAtMost: > 1e-30f, Ceiling: > 0 } && bracket.HighFrom > 1e-15f;

    /// <summary>The limits for the next run.</summary>
    public PcbLimits Limits()
    {
        float ratio = bracket.LeastInverse / bracket.MostInverse, spread = 1 - (ratio * ratio);

        // The least P is the greatest times e^(−x·spread). For x from 0 to n the tangent at 0 is below e^(x·spread), the chord above it.
        float most = tasks * spread, chord = most > 1e-6f ? MathF.Exp(most) - 1 : most * 1.00001f;
        float from = bracket.FloorFrom * (1 - PcbStored.Slack), to = bracket.FloorToAtLeast * (1 + PcbStored.Slack);
        return new PcbLimits
        {
            Root = Vector256.Create(PcbSmall.Root(tasks, bracket.MostInverse)),
            High = Vector256.Create(bracket.HighFrom),
            Spread = Vector256.Create(-spread),
            FromAtMost = Vector256.Create(bracket.FloorFromAtMost * (1 - PcbStored.Slack)),
            FromAtLeast = Vector256.Create(from),
            FromSlope = Vector256.Create(from * spread),
            ToAtMost = Vector256.Create(bracket.FloorTo * (1 + PcbStored.Slack)),
            ToAtLeast = Vector256.Create(to),

            // 0 times infinity would be NaN.
            ToSlope = Vector256.Create(float.IsFinite(to) ? to * chord / tasks : 0),
            Large = Vector256.Create(tasks * 0.9999f),

            // P is not below the product of change and sum, so products beyond what is near are looked at again as well.
            Top = Vector256.Create(Math.Min(Best, PcbStored.MostNear) * (1 - PcbStored.Slack)),
        };
    }

    /// <summary>Adds counts of P below the bracket and of changes of 0.</summary>
    public void Count(long lower, long zeros) => tally.Add(lower, zeros);

    /// <summary>Takes an element whose P may be the lower bound, and not the greatest.</summary>
    public void Keep(float change, float sum) => tally.Keep(change, sum, isTop: false);

    /// <summary>Takes an element whose P lies between two bounds.</summary>
    public void Take(float change, float sum, float least, float most, bool isCounted)
    {
        tally.TakeLarge(Math.Abs(change));
        if (!isCounted && most < bracket.FloorFrom * (1 - PcbStored.Slack))
            tally.Add(1, 0);
        else if (!isCounted && least <= bracket.FloorTo * (1 + PcbStored.Slack))
            tally.Keep(change, sum, isTop: false);
        if (most < Best * (1 - PcbStored.Slack))
            return;
        tally.Keep(change, sum, isTop: true);
        Best = Math.Max(Best, least * (1 - PcbStored.Slack));
    }
}
