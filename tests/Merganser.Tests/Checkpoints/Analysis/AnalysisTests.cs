using System.Xml.Linq;
using CsCheck;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Analysis;

namespace Merganser.Tests.Checkpoints.Analysis;

public sealed class AnalysisTests
{
    private static MemoryTensor Tensor(string name, params float[] values) => new(new TensorInfo(name, DType.F32, [values.Length]), TensorSources.ToBytes(values));

    private static TensorComparison Compare(float[] a, float[] b) => TensorComparison.Compute([(Tensor("w", a), Tensor("w", b))]).Single();

    private static TensorStatistics[] Measure(TensorSource[] tensors) => TensorStatistics.Compute(tensors, cancellation: TestContext.Current.CancellationToken);

    private static CheckpointDifference Differ(Checkpoint a, Checkpoint b, string? filter = null) => CheckpointDifference.Compute(a, b, filter, cancellation: TestContext.Current.CancellationToken);

    [Fact]
    public void Statistics_are_of_the_finite_elements_and_count_the_others()
    {
        TensorStatistics statistics = Measure([Tensor("w", 1, 2, 3, 4, 0, float.NaN, float.PositiveInfinity, float.NegativeInfinity)]).Single();
        Assert.Equal((8, 1, 2, 1), (statistics.Count, statistics.NaN, statistics.Infinite, statistics.Zeros));
        Assert.Equal((0, 4, 2), (statistics.Minimum, statistics.Maximum, statistics.Mean));
        Assert.Equal(Math.Sqrt(2), statistics.StandardDeviation, 12);
        Assert.Equal(Math.Sqrt(30), statistics.Norm, 12);
    }

    [Fact]
    public void Statistics_of_many_blocks_equal_those_of_the_whole()
    {
        // Three blocks with different means, so that joining the deviations is put to the test.
        var random = new Random(3);
        float[] values = [.. Enumerable.Range(0, (TensorBlocks.Elements * 2) + 777).Select(i => (float)random.NextDouble() + (100 * (i / TensorBlocks.Elements)))];
        TensorStatistics statistics = Measure([Tensor("w", values)]).Single();
        double mean = values.Average(value => (double)value);
        double deviation = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
        Assert.Equal(mean, statistics.Mean, 9);
        Assert.Equal(deviation, statistics.StandardDeviation, 9);
    }

    [Fact]
    public void Nothing_has_no_mean()
    {
        TensorStatistics statistics = Measure([Tensor("empty"), Tensor("nan", float.NaN)])[0];
        Assert.True(double.IsNaN(statistics.Mean) && double.IsNaN(statistics.Minimum));
        Assert.Equal(0, statistics.Norm);
    }

    [Fact]
    public void Differences_follow_their_definitions()
    {
        TensorComparison comparison = Compare([3, 0, -4, 1], [3, 1, -2, -1]);
        Assert.Equal(2, comparison.MaxDifference);
        Assert.Equal(1.25, comparison.MeanDifference);
        Assert.Equal(16 / Math.Sqrt(26 * 15), comparison.Cosine, 12);
        Assert.Equal(3 / Math.Sqrt(26), comparison.RelativeNorm, 12);
        Assert.Equal(0.5, comparison.SignAgreement);
        Assert.False(comparison.IsEqual);
    }

    [Fact]
    public void Zero_tensors_have_defined_cosines()
    {
        Assert.Equal((1, 0, true), (Compare([0, 0], [0, 0]).Cosine, Compare([0, 0], [0, 0]).RelativeNorm, Compare([0, 0], [0, 0]).IsEqual));
        Assert.Equal((0, double.PositiveInfinity), (Compare([0, 0], [1, 0]).Cosine, Compare([0, 0], [1, 0]).RelativeNorm));
    }

    [Fact]
    public void The_same_NaN_on_both_sides_is_no_difference_but_one_alone_is()
    {
        Assert.True(Compare([float.NaN, 1], [float.NaN, 1]).IsEqual);
        Assert.Equal(1, Compare([float.NaN, 1], [2, 1]).NonFinite);
        Assert.False(Compare([float.PositiveInfinity], [float.NegativeInfinity]).IsEqual);
    }

    [Fact]
    public void A_tensor_compared_with_itself_is_equal_and_scaling_it_keeps_the_cosine() =>
        Gen.Float[-10, 10].Array[1, 300].Sample(values =>
        {
            TensorComparison self = Compare(values, values);
            Assert.True(self.IsEqual);
            Assert.Equal(1, self.Cosine);
            float[] doubled = [.. values.Select(value => value * 2)];
            TensorComparison scaled = Compare(values, doubled);
            Assert.Equal(1, scaled.Cosine, 9);
            Assert.Equal(1, scaled.SignAgreement);
            Assert.Equal(values.All(value => value == 0) ? 0 : 1, scaled.RelativeNorm, 6);
        });

    [Fact]
    public void Missing_tensors_and_other_shapes_are_listed()
    {
        using var first = new Checkpoint("a", [Tensor("same", 1), Tensor("only a", 1), Tensor("shape", 1, 2)], []);
        using var second = new Checkpoint("b", [Tensor("same", 1), Tensor("only b", 1), Tensor("shape", 1, 2, 3)], []);
        CheckpointDifference difference = Differ(first, second);
        Assert.Equal(["only a"], difference.OnlyInFirst);
        Assert.Equal(["only b"], difference.OnlyInSecond);
        Assert.Equal("[2]", Assert.Single(difference.Shapes).First);
        Assert.Equal("same", Assert.Single(difference.Tensors).Name);
        Assert.False(difference.IsEqual);
        Assert.True(Differ(first, second, "same").IsEqual);
    }

    [Fact]
    public void The_heat_map_is_valid_xml_with_a_square_for_each_tensor()
    {
        string[] names = ["model.layers.0.w", "model.layers.10.w", "model.layers.2.w", "model.layers.2.b", "<evil & \u0001 name>", "head"];
        using var first = new Checkpoint("a", names.Select((name, i) => Tensor(name, 1, i)), []);
        using var second = new Checkpoint("b", names.Select((name, i) => Tensor(name, 1.5f, i)), []);
        XDocument svg = XDocument.Parse(HeatMap.Draw(Differ(first, second), "b < a"));
        XNamespace ns = "http://www.w3.org/2000/svg";
        string[] tips = [.. svg.Descendants(ns + "rect").Select(rect => (string?)rect.Element(ns + "title")).OfType<string>()];

        // Two kinds in three layers and two tensors outside; the bias is in one layer only.
        Assert.Equal(8, tips.Length);
        Assert.Equal(2, tips.Count(tip => tip == "no such tensor"));
        Assert.Contains(svg.Descendants(ns + "text"), text => text.Value == "b < a");
        Assert.Contains(svg.Descendants(ns + "text"), text => text.Value == "layer");
    }

    [Fact]
    public void The_heat_map_of_nothing_is_a_picture_too()
    {
        using var empty = new Checkpoint("a", [], []);
        Assert.NotNull(XDocument.Parse(HeatMap.Draw(Differ(empty, empty), "nothing")).Root);
    }

    [Fact]
    public void Numbers_in_names_are_put_in_counting_order() =>
        Assert.Equal(["a.1.b", "a.2.a", "a.2.b", "a.10.b", "a.b"], new[] { "a.10.b", "a.b", "a.2.b", "a.1.b", "a.2.a" }.Order(NaturalOrder.Comparer));

    [Fact]
    public void Counting_order_is_an_order() =>
        Gen.String[Gen.Char["a.019"], 0, 6].Array[3].Sample(names =>
        {
            Comparer<string> order = NaturalOrder.Comparer;
            Assert.Equal(Math.Sign(order.Compare(names[0], names[1])), -Math.Sign(order.Compare(names[1], names[0])));
            Assert.Equal(names[0] == names[1], order.Compare(names[0], names[1]) == 0);
            if (order.Compare(names[0], names[1]) <= 0 && order.Compare(names[1], names[2]) <= 0)
                Assert.True(order.Compare(names[0], names[2]) <= 0);
        });
}
