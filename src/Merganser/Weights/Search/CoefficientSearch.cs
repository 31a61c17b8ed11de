using System.Collections.Immutable;

namespace Merganser.Weights.Search;

/// <summary>A coefficient and what it reached.</summary>
/// <param name="Coefficient">The coefficient.</param>
/// <param name="Score">Its score, more is better.</param>
public readonly record struct ScoredCoefficient(double Coefficient, double Score);

/// <summary>Which models a greedy soup took.</summary>
/// <param name="Models">Their indices, in the order in which they were taken.</param>
/// <param name="Score">The score of their average.</param>
public sealed record GreedySoupResult(ImmutableArray<int> Models, double Score);

/// <summary>
/// Choices made on validation data. The caller merges and evaluates: a callback gets the choice and returns a score, of
/// which more is better.
/// </summary>
public static class CoefficientSearch
{
    /// <summary>The usual values of λ for task arithmetic and for TIES with sums: 0.1, 0.2, … 1.0.</summary>
    public static ImmutableArray<double> SumGrid { get; } = [.. Enumerable.Range(1, 10).Select(step => step / 10.0)];

    /// <summary>The usual values of λ for TIES with means, which shrink changes: 0.8, 0.9, … 3.0.</summary>
    public static ImmutableArray<double> MeanGrid { get; } = [.. Enumerable.Range(8, 23).Select(step => step / 10.0)];

    /// <summary>Tries all candidates; of equally good ones the first wins.</summary>
    /// <param name="candidates">The coefficients to try, at least one.</param>
    /// <param name="evaluate">Merges with a coefficient and returns the score.</param>
    /// <exception cref="ArgumentException">There are no candidates, or no score is a number.</exception>
    public static ScoredCoefficient Grid(IReadOnlyList<double> candidates, Func<double, double> evaluate)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        ArgumentNullException.ThrowIfNull(evaluate);
        ScoredCoefficient? best = null;
        foreach (double candidate in candidates)
        {
            double score = evaluate(candidate);
            if (!double.IsNaN(score) && (best is null || score > best.Value.Score))
                best = new ScoredCoefficient(candidate, score);
        }

        return best ?? throw new ArgumentException("no candidate has a score", nameof(candidates));
    }

    /// <summary>
    /// Greedy soup ("Model soups", arXiv 2203.05482): goes through the models from the best to the worst and adds one to the
    /// running average when the score does not fall. Equally good models keep their order.
    /// </summary>
    /// <param name="scores">The score of each model alone, at least one.</param>
    /// <param name="evaluate">Averages the models of these indices and returns the score.</param>
    /// <exception cref="ArgumentException">There are no models, or a score is not a number.</exception>
    public static GreedySoupResult GreedySoup(IReadOnlyList<double> scores, Func<IReadOnlyList<int>, double> evaluate)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(evaluate);
        if (scores.Count == 0)
            throw new ArgumentException("there must be at least one model", nameof(scores));
        if (scores.Any(double.IsNaN))
            throw new ArgumentException("a score is not a number", nameof(scores));

        int[] order = [.. Enumerable.Range(0, scores.Count).OrderByDescending(model => scores[model])];
        ImmutableArray<int> soup = [order[0]];
        double best = scores[order[0]];
        foreach (int model in order.AsSpan(1))
        {
            ImmutableArray<int> larger = soup.Add(model);
            double score = evaluate(larger);
            if (score >= best)
                (soup, best) = (larger, score);
        }

        return new GreedySoupResult(soup, best);
    }
}
