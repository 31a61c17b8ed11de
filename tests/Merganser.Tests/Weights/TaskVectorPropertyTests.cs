using CsCheck;
using Merganser.Weights;
using Merganser.Weights.Methods;

namespace Merganser.Tests.Weights;

public sealed class TaskVectorPropertyTests
{
    private const int Rows = 37;
    private const int Columns = 83;

    public static TheoryData<string> Names =>
    [
        "task_arithmetic", "ties", "dare_linear", "dare_ties", "breadcrumbs", "breadcrumbs_ties", "della", "della_linear",
        "sce", "ram", "ramplus_tl", "ties_model", "dare",
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void One_model_kept_whole_is_given_back(string name)
    {
        ArrayModel origin = Random(1);
        ArrayModel model = Random(2);
        AssertClose(model, Run(name, origin, [model], Whole(name, 1)), 1e-6);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Without_changes_the_base_stays(string name)
    {
        ArrayModel origin = Random(1);
        Assert.Equal(origin["w"].Values, Run(name, origin, [origin, origin], Settings(name, 2))["w"].Values);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_order_of_equally_treated_models_does_not_matter(string name)
    {
        ArrayModel origin = Random(1);
        ArrayModel a = Random(2);
        ArrayModel b = Random(3);
        ArrayModel c = Random(4);
        ParameterSet parameters = MergeMethods.Find(name)!.IsRandom ? Whole(name, 3) : Settings(name, 3);
        AssertClose(Run(name, origin, [a, b, c], parameters), Run(name, origin, [c, a, b], parameters), 2e-6);
    }

    [Theory]
    [InlineData("dare_linear")]
    [InlineData("dare_ties")]
    [InlineData("della")]
    [InlineData("della_linear")]
    [InlineData("dare")]
    public void The_seed_decides_random_methods(string name)
    {
        ArrayModel origin = Random(1);
        ArrayModel[] models = [Random(2), Random(3)];
        float[] first = Run(name, origin, models, Settings(name, 2), 5)["w"].Values;
        Assert.Equal(first, Run(name, origin, models, Settings(name, 2), 5)["w"].Values);
        Assert.NotEqual(first, Run(name, origin, models, Settings(name, 2), 6)["w"].Values);
    }

    [Theory]
    [InlineData("task_arithmetic")]
    [InlineData("ties")]
    [InlineData("dare_ties")]
    [InlineData("breadcrumbs")]
    [InlineData("della")]
    public void With_a_lambda_of_0_the_base_stays_bit_for_bit(string name)
    {
        ArrayModel origin = Random(1);
        Assert.Equal(origin["w"].Values, Run(name, origin, [Random(2), Random(3)], Settings(name, 2).Set("lambda", 0))["w"].Values);
    }

    [Theory]
    [InlineData("ties")]
    [InlineData("ties_model")]
    public void No_merged_change_is_larger_than_the_largest_change(string name)
    {
        ArrayModel origin = Random(1);
        ArrayModel[] models = [Random(2), Random(3), Random(4)];
        float[] merged = Run(name, origin, models, Settings(name, 3))["w"].Values;
        for (int i = 0; i < merged.Length; i++)
        {
            float source = origin["w"].Values[i];
            float largest = models.Max(model => Math.Abs(model["w"].Values[i] - source));
            Assert.True(Math.Abs(merged[i] - source) <= largest + 1e-6f);
        }
    }

    [Fact]
    public void Opposite_changes_never_cancel_in_the_original_ties()
    {
        ArrayModel origin = Constant(0);
        ArrayModel up = Random(2);
        var down = new ArrayModel();
        down.With("w", [Rows, Columns], [.. up["w"].Values.Select(value => -value)]);

        // A third, different tensor decides the majority sign.
        foreach ((ArrayModel model, float value) in ((ArrayModel, float)[])[(origin, 0), (up, 2), (down, 1)])
            model.With("z", [9], [.. Enumerable.Repeat(value, 9)]);
        float[] merged = Run("ties_model", origin, [up, down], new ParameterSet().Set("density", 1))["w"].Values;
        Assert.Equal(up["w"].Values.Select(Math.Abs), merged);
    }

    [Fact]
    public void Task_arithmetic_is_linear_in_lambda_and_equals_the_average_at_one_nth()
    {
        ArrayModel origin = Random(1);
        ArrayModel[] models = [Random(2), Random(3), Random(4), Random(5)];
        AssertClose(
            Run("linear", null, models, Whole("linear", 4)),
            Run("task_arithmetic", origin, models, Whole("task_arithmetic", 4).Set("lambda", 0.25)), 1e-6);
        float[] one = Run("task_arithmetic", origin, models, Whole("task_arithmetic", 4))["w"].Values;
        float[] half = Run("task_arithmetic", origin, models, Whole("task_arithmetic", 4).Set("lambda", 0.5))["w"].Values;
        for (int i = 0; i < one.Length; i++)
            Assert.Equal((one[i] + origin["w"].Values[i]) / 2, half[i], 1e-5f);
    }

    [Fact]
    public void Dropping_and_rescaling_keeps_the_expectation()
    {
        const int seeds = 200;
        ArrayModel origin = Constant(0);
        ArrayModel model = Random(2);
        double[] sums = new double[Rows * Columns];
        for (ulong seed = 0; seed < seeds; seed++)
        {
            float[] sparse = Run("dare", origin, [model], new ParameterSet().Set("drop_rate", 0.7), seed)["w"].Values;
            for (int i = 0; i < sums.Length; i++)
                sums[i] += sparse[i];
        }

        for (int i = 0; i < sums.Length; i++)
        {
            double value = model["w"].Values[i];
            double error = Math.Abs(value) * Math.Sqrt(0.7 / 0.3 / seeds);
            Assert.InRange(sums[i] / seeds, value - (6 * error), value + (6 * error));
        }
    }

    [Theory]
    [InlineData("dare_linear")]
    [InlineData("della_linear")]
    [InlineData("breadcrumbs")]
    [InlineData("ties")]
    public void Rescaling_restores_the_sum_of_absolute_values(string name)
    {
        ArrayModel origin = Constant(0);
        ArrayModel model = Random(2);
        ParameterSet parameters = Settings(name, 1).Set("rescale", 1).Set("weight", 1, 0);
        double sum = Run(name, origin, [model], parameters)["w"].Values.Sum(value => Math.Abs((double)value));
        Assert.Equal(model["w"].Values.Sum(value => Math.Abs((double)value)), sum, 1e-3);
    }

    [Fact]
    public void Only_selected_positions_leave_the_base_and_scaling_all_changes_scales_the_result()
    {
        ArrayModel origin = Constant(0);
        ArrayModel[] models = [Random(2), Random(3), Random(4)];
        ParameterSet parameters = new ParameterSet().Set("select_topk", 0.1);
        float[] merged = Run("sce", origin, models, parameters)["w"].Values;
        Assert.InRange(merged.Count(value => value != 0), 1, Rows * Columns / 10);
        ArrayModel[] twice = [.. models.Select(model => new ArrayModel().With("w", [Rows, Columns], [.. model["w"].Values.Select(value => 2 * value)]))];
        Assert.Equal(merged.Select(value => 2 * value), Run("sce", origin, twice, parameters)["w"].Values);
    }

    [Fact]
    public void Changes_of_one_model_stay_whole_and_shared_ones_are_averaged()
    {
        ArrayModel origin = new ArrayModel().With("w", [4], [1, 1, 1, 1]);
        ArrayModel a = new ArrayModel().With("w", [4], [3, 1, 2, 1]);
        ArrayModel b = new ArrayModel().With("w", [4], [1, 0, 4, 1]);
        Assert.Equal([3, 0, 3, 1], Run("ram", origin, [a, b], new ParameterSet())["w"].Values);
        float[] plus = Run("ramplus_tl", origin, [a, b], new ParameterSet().Set("r", 0.5).Set("alpha", 0.5))["w"].Values;
        Assert.Equal([3.5f, -0.25f, 3, 1], plus);
    }

    [Theory]
    [InlineData("della", "density", 0.05)]
    [InlineData("breadcrumbs", "gamma", 1.5)]
    [InlineData("ties", "density", -0.5)]
    public void Options_out_of_range_are_named(string name, string option, double value)
    {
        ArrayModel model = Random(1);
        MerganserException e = Assert.Throws<MerganserException>(
            () => Run(name, model, [model], new ParameterSet().Set("weight", 1, 0).Set("density", 0.5, 0).Set(option, value, 0)));
        Assert.Contains(option, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_density_that_keeps_nothing_warns()
    {
        var warnings = new List<string>();
        ArrayModel origin = new ArrayModel().With("norm", [3], [1, 2, 3]);
        ArrayModel model = new ArrayModel().With("norm", [3], [2, 3, 4]);
        ArrayModel merged = ArrayMerge.Run(
            new Ties(), origin, [model], new ParameterSet().Set("weight", 1, 0).Set("density", 0.2, 0), new ArrayMergeOptions { Warn = warnings.Add });
        Assert.Equal(origin["norm"].Values, merged["norm"].Values);
        Assert.Contains("norm", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Any_ties_merge_equals_its_definition() =>
        Gen.Select(Gen.Int[-4, 4].Array[1, 60], Gen.Int[1, 4], Gen.Double[0.01, 1], Gen.Int[0, 1000], Gen.Bool).Sample((shape, models, density, seed, normalize) =>
        {
            int count = shape.Length;
            var random = new Random(seed);
            float[] origin = [.. shape.Select(value => (float)value)];
            float[][] tuned = [.. Enumerable.Range(0, models).Select(_ => origin.Select(value => value + (random.Next(-6, 7) / 4f)).ToArray())];
            float[] weights = [.. Enumerable.Range(0, models).Select(_ => random.Next(-2, 4) / 2f)];
            var parameters = new ParameterSet().Set("normalize", normalize ? 1 : 0);
            for (int model = 0; model < models; model++)
                parameters.Set("weight", weights[model], model).Set("density", density, model);
            ArrayModel[] inputs = [.. tuned.Select(values => new ArrayModel().With("x", [count], values))];
            float[] merged = Run("ties", new ArrayModel().With("x", [count], origin), inputs, parameters)["x"].Values;
            for (int i = 0; i < count; i++)
            {
                double[] terms = [.. tuned.Select((values, model) => weights[model] * (IsKept(values, i) ? (double)(values[i] - origin[i]) : 0))];
                double sign = terms.Sum() >= 0 ? 1 : -1;
                double mixed = terms.Where(term => term * sign > 0).Sum();
                double divisor = terms.Select((term, model) => term * sign > 0 ? weights[model] : 0).Sum();
                Assert.Equal(origin[i] + (normalize && divisor != 0 ? mixed / divisor : mixed), merged[i], 1e-5);
            }

            bool IsKept(float[] values, int index) => density >= 1 || Enumerable.Range(0, count)
                .OrderByDescending(i => Math.Abs(values[i] - origin[i])).ThenBy(i => i).Take((int)(density * count)).Contains(index);
        });

    [Fact]
    public void The_share_of_the_norm_keeps_the_fewest_largest_elements_that_reach_it() =>
        Gen.Select(Gen.Float[-8, 8].Array[1, 80], Gen.Int[0, 1000], Gen.Double[0.01, 0.99], Gen.Int[-40, 20]).Sample((values, seed, share, exponent) =>
        {
            // The model is cut into tensors at a random place: the norm is that of the whole. Scales down to denormals.
            float[] changes = [.. values.Select(value => (float)Math.ScaleB(value, exponent * 3))];
            int cut = new Random(seed).Next(values.Length + 1);
            ArrayModel Model(float[] elements) => new ArrayModel().With("a", [cut], elements[..cut]).With("b", [elements.Length - cut], elements[cut..]);
            ArrayModel merged = Run("ties_model", Model(new float[values.Length]), [Model(changes)], new ParameterSet().Set("reset", 2).Set("density", share));
            float[] kept = [.. merged["a"].Values, .. merged["b"].Values];
            double[] squares = [.. changes.Select(value => (double)value * value).OrderDescending()];
            double wanted = share * squares.Sum(), reached = 0;
            int count = 0;
            while (count < squares.Length && squares[count] > 0 && reached < wanted * (1 - 1e-12))
                reached += squares[count++];
            float least = count == 0 ? 0 : changes.Select(Math.Abs).OrderDescending().ElementAt(count - 1);
            for (int i = 0; i < changes.Length; i++)
                Assert.Equal(Math.Abs(changes[i]) >= least ? changes[i] : 0, kept[i]);
        });

    [Fact]
    public void The_whole_norm_keeps_all_and_percentages_are_shares()
    {
        ArrayModel origin = Random(1);
        ArrayModel[] models = [Random(2), Random(3)];
        ParameterSet Norm(double density) => new ParameterSet().Set("reset", 2).Set("density", density);
        Assert.Equal(Run("ties_model", origin, models, new ParameterSet().Set("density", 1))["w"].Values, Run("ties_model", origin, models, Norm(1))["w"].Values);
        Assert.Equal(Run("ties_model", origin, models, Norm(0.35))["w"].Values, Run("ties_model", origin, models, Norm(35))["w"].Values);
        Assert.NotEqual(Run("ties_model", origin, models, Norm(0.35))["w"].Values, Run("ties_model", origin, models, Norm(0.7))["w"].Values);
        Assert.Equal(Run("ties_model", origin, models, Norm(0.35))["w"].Values, Run("ties_model", origin, [models[1], models[0]], Norm(0.35))["w"].Values);
    }

    private static ArrayModel Run(string name, ArrayModel? origin, IReadOnlyList<ArrayModel> models, ParameterSet parameters, ulong seed = 0) =>
        ArrayMerge.Run(MergeMethods.Find(name)!, origin, models, parameters, new ArrayMergeOptions { Seed = seed });

    /// <summary>Options with which nothing is dropped.</summary>
    private static ParameterSet Whole(string name, int models)
    {
        var parameters = new ParameterSet();
        for (int model = 0; model < models; model++)
            parameters.Set("weight", 1, model);
        return name switch
        {
            "ties_model" => parameters.Set("density", 1),
            "dare" => parameters.Set("drop_rate", 0),
            "ram" or "ramplus_tl" => parameters.Set("epsilon", 0),
            _ => parameters,
        };
    }

    /// <summary>Options with which much is dropped.</summary>
    private static ParameterSet Settings(string name, int models)
    {
        ParameterSet parameters = Whole(name, models);
        for (int model = 0; model < models; model++)
            parameters.Set("weight", 0.5, model).Set("density", 0.4, model).Set("gamma", 0.1, model).Set("epsilon", 0.2, model);
        return name switch
        {
            "ties_model" => parameters.Set("density", 0.3),
            "dare" => parameters.Set("drop_rate", 0.5),
            "sce" => parameters.Set("select_topk", 0.5),
            _ => parameters,
        };
    }

    private static ArrayModel Random(int seed)
    {
        var random = new Random(seed);
        float[] values = new float[Rows * Columns];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(random.NextDouble() - 0.5);
        return new ArrayModel().With("w", [Rows, Columns], values);
    }

    private static ArrayModel Constant(float value) => new ArrayModel().With("w", [Rows, Columns], [.. Enumerable.Repeat(value, Rows * Columns)]);

    private static void AssertClose(ArrayModel expected, ArrayModel actual, double tolerance) => RawGolden.AssertClose(expected, actual, tolerance);
}
