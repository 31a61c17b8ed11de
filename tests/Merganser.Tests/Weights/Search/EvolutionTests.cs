using CsCheck;
using Merganser.Weights.Search;

namespace Merganser.Tests.Weights.Search;

public sealed class EvolutionTests
{
    private static CoefficientRange[] Ranges(int count) => [.. Enumerable.Repeat(CoefficientRange.PcbLambda, count)];

    [Theory]
    [InlineData(1, 100, 1e-4)]
    [InlineData(2, 100, 1e-4)]
    [InlineData(6, 100, 0.03)]
    [InlineData(6, 1000, 1e-6)]
    public void The_top_of_a_hill_inside_the_ranges_is_found(int size, int budget, double tolerance)
    {
        double[] top = [.. Enumerable.Range(0, size).Select(i => 0.9 + (0.05 * i))];
        EvolutionResult best = CoefficientSearch.Evolve(Ranges(size), point => -point.Zip(top, (x, y) => (x - y) * (x - y)).Sum(), new EvolutionOptions { Budget = budget });
        Assert.Equal(budget, best.Evaluations);
        Assert.InRange(-best.Score, 0, tolerance * size);
    }

    [Fact]
    public void A_narrow_turned_ridge_is_followed()
    {
        var options = new EvolutionOptions { Budget = 1500, Seed = 4 };
        EvolutionResult best = CoefficientSearch.Evolve(
            [new(-1, 1, 0.5), new(-1, 1, 0.5), new(-1, 1, -0.5)],
            p => -(Math.Pow(p[0] + p[1] - 0.4, 2) * 1000) - Math.Pow(p[0] - p[1] - 0.2, 2) - (Math.Pow(p[2] + (0.5 * p[0]), 2) * 100), options);
        Assert.Equal(0.3, best.Coefficients[0], 1e-3);
        Assert.Equal(0.1, best.Coefficients[1], 1e-3);
        Assert.Equal(-0.15, best.Coefficients[2], 1e-3);
    }

    [Fact]
    public void A_top_outside_the_ranges_ends_at_the_edge()
    {
        EvolutionResult best = CoefficientSearch.Evolve(Ranges(4), point => point.Sum());
        Assert.All(best.Coefficients, value => Assert.Equal(1.3, value, 1e-9));
    }

    [Fact]
    public void Every_point_lies_in_its_range_the_budget_is_kept_and_the_start_comes_first() =>
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 60], Gen.ULong, Gen.Double[0.05, 3]).Sample((size, budget, seed, step) =>
        {
            var random = new Random((int)seed);
            CoefficientRange[] ranges = [.. Enumerable.Range(0, size).Select(_ => random.NextDouble() * 10).Select(low => new CoefficientRange(low, low + 0.1 + random.NextDouble(), low + 0.05))];
            var asked = new List<double[]>();
            EvolutionResult best = CoefficientSearch.Evolve(ranges, point =>
            {
                asked.Add([.. point]);
                return asked.Count % 3 == 0 ? double.NaN : Math.Sin(point.Sum() * 7);
            }, new EvolutionOptions { Budget = budget, Seed = seed, Step = step });
            Assert.Equal(budget, asked.Count);
            Assert.Equal(ranges.Select(range => range.Start), asked[0]);
            Assert.All(asked, point => Assert.All(point.Zip(ranges), pair => Assert.InRange(pair.First, pair.Second.Low, pair.Second.High)));
            Assert.Equal(asked.Where((_, i) => i % 3 != 2).Max(point => Math.Sin(point.Sum() * 7)), best.Score);
        }, iter: 200);

    [Fact]
    public void The_seed_decides_the_points()
    {
        double[][] Asked(ulong seed)
        {
            var asked = new List<double[]>();
            CoefficientSearch.Evolve(Ranges(3), point =>
            {
                asked.Add([.. point]);
                return point[0] - point[1];
            }, new EvolutionOptions { Seed = seed, Budget = 40 });
            return [.. asked];
        }

        Assert.Equal(Asked(1), Asked(1));
        Assert.NotEqual(Asked(1), Asked(2));
    }

    [Fact]
    public void Misuse_is_refused()
    {
        Assert.Throws<ArgumentException>(() => CoefficientSearch.Evolve([], _ => 0));
        Assert.Throws<ArgumentException>(() => CoefficientSearch.Evolve([new(1, 1, 1)], _ => 0));
        Assert.Throws<ArgumentException>(() => CoefficientSearch.Evolve([new(0, 1, 2)], _ => 0));
        Assert.Throws<ArgumentException>(() => CoefficientSearch.Evolve(Ranges(1), _ => double.NaN, new EvolutionOptions { Budget = 9 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => CoefficientSearch.Evolve(Ranges(1), _ => 0, new EvolutionOptions { Budget = 0 }));
    }
}
