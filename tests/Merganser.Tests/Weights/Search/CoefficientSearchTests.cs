using Merganser.Weights.Search;

namespace Merganser.Tests.Weights.Search;

public sealed class CoefficientSearchTests
{
    [Fact]
    public void The_first_of_the_best_coefficients_wins()
    {
        ScoredCoefficient best = CoefficientSearch.Grid([0.1, 0.2, 0.3, 0.4], value => value is 0.2 or 0.3 ? 1 : double.NaN);
        Assert.Equal(new ScoredCoefficient(0.2, 1), best);
        Assert.Throws<ArgumentException>(() => CoefficientSearch.Grid([], value => value));
    }

    [Fact]
    public void The_usual_grids_have_one_decimal()
    {
        Assert.Equal([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0], CoefficientSearch.SumGrid);
        Assert.Equal((0.8, 3.0, 23), (CoefficientSearch.MeanGrid[0], CoefficientSearch.MeanGrid[^1], CoefficientSearch.MeanGrid.Length));
    }

    [Fact]
    public void A_soup_takes_only_models_that_do_not_lower_its_score()
    {
        var asked = new List<string>();
        double[] quality = [0.5, 0.9, 0.1, 0.7];
        GreedySoupResult soup = CoefficientSearch.GreedySoup(quality, models =>
        {
            asked.Add(string.Join(",", models));
            return models.Contains(0) ? 0.2 : 0.9 + (models.Contains(2) ? 0.05 : 0);
        });
        Assert.Equal([1, 3, 2], soup.Models);
        Assert.Equal(0.95, soup.Score, 1e-12);
        Assert.Equal(["1,3", "1,3,0", "1,3,2"], asked);
    }
}
