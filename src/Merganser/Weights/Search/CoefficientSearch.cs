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
    /// Searches several coefficients at once by CMA-ES (arXiv 1604.00772): 4 + ⌊3 ln n⌋ points in each generation, kept inside their ranges. PCB-Merging
    /// (arXiv 2410.02396) chooses the factor of each task so, see <see cref="CoefficientRange.PcbLambda"/>. The start is evaluated first, so that the result is never
    /// worse; of equally good points the first wins. The same seed asks for the same points.
    /// </summary>
    /// <param name="ranges">A range for each coefficient, at least one.</param>
    /// <param name="evaluate">Merges with coefficients and returns the score, more is better; NaN counts as the worst.</param>
    /// <param name="options">Budget, seed and first step; defaults when null.</param>
    /// <exception cref="ArgumentException">There are no ranges, a range is empty or does not hold its start, or no score is a number.</exception>
    public static EvolutionResult Evolve(IReadOnlyList<CoefficientRange> ranges, Func<IReadOnlyList<double>, double> evaluate, EvolutionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(ranges);
        ArgumentNullException.ThrowIfNull(evaluate);
        options ??= new EvolutionOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Budget, 1, nameof(options));
        if (ranges.Count == 0 || !ranges.All(range => double.IsFinite(range.High - range.Low) && range.Low < range.High && range.Start >= range.Low && range.Start <= range.High))
            throw new ArgumentException("there must be at least one range, each with low < high and a start between them", nameof(ranges));
        if (!(options.Step > 0 && double.IsFinite(options.Step)))
            throw new ArgumentException("the first step must be above 0", nameof(options));

        double[] start = [.. ranges.Select(range => (range.Start - range.Low) / (range.High - range.Low))];
        var strategy = new EvolutionStrategy(start, options.Step, options.Seed);
        EvolutionResult best = new([.. ranges.Select(range => range.Start)], double.NaN, 0);
        double Score(ImmutableArray<double> point)
        {
            options.Cancellation.ThrowIfCancellationRequested();
            double score = evaluate(point);
            bool better = score > best.Score || (double.IsNaN(best.Score) && !double.IsNaN(score));
            best = (better ? best with { Coefficients = point, Score = score } : best) with { Evaluations = best.Evaluations + 1 };
            options.Evaluated?.Invoke(best.Evaluations, best.Score);
            return double.IsNaN(score) ? double.NegativeInfinity : score;
        }

        Score(best.Coefficients);
        while (best.Evaluations < options.Budget)
        {
            double[][] points = strategy.Draw();
            var scores = new List<double>();
            foreach (double[] point in points.Take(options.Budget - best.Evaluations).ToArray())
                scores.Add(Score([.. point.Zip(ranges, (x, range) => Math.Clamp(range.Low + (x * (range.High - range.Low)), range.Low, range.High))]));
            if (scores.Count == points.Length)
                strategy.Update([.. Enumerable.Range(0, points.Length).OrderByDescending(i => scores[i]).Select(i => points[i])]);
        }

        return double.IsNaN(best.Score) ? throw new ArgumentException("no point has a score", nameof(evaluate)) : best;
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
