using System.Collections.Immutable;

namespace Merganser.Weights.Search;

/// <summary>How <see cref="CoefficientSearch.Evolve"/> searches.</summary>
public sealed record EvolutionOptions
{
    /// <summary>The standard deviation of the first steps as a share of the width of each range; above 0. The default, 0.2, is the 0.1 that
    /// PCB-Merging uses on [0.8, 1.3].</summary>
    public double Step { get; init; } = 0.2;

    /// <summary>How many points are evaluated, the start included; at least 1.</summary>
    public int Budget { get; init; } = 100;

    /// <summary>The seed of the steps.</summary>
    public ulong Seed { get; init; }

    /// <summary>Told after each evaluation: how many there were, and the best score so far. Null for nobody.</summary>
    public Action<int, double>? Evaluated { get; init; }

    /// <summary>Stops the search between evaluations.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>A range of a coefficient and where the search starts in it.</summary>
/// <param name="Low">The smallest value.</param>
/// <param name="High">The largest value, above the smallest.</param>
/// <param name="Start">The first value that is tried.</param>
public readonly record struct CoefficientRange(double Low, double High, double Start)
{
    /// <summary>The range in which PCB-Merging looks for the factor of each task: [0.8, 1.3] from 1.</summary>
    public static CoefficientRange PcbLambda { get; } = new(0.8, 1.3, 1);
}

/// <summary>Coefficients and what they reached.</summary>
/// <param name="Coefficients">The coefficients.</param>
/// <param name="Score">Their score, more is better.</param>
/// <param name="Evaluations">How many points were evaluated.</param>
public sealed record EvolutionResult(ImmutableArray<double> Coefficients, double Score, int Evaluations);
