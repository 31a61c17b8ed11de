using System.Collections.Immutable;
using Merganser.Weights;
using Merganser.Weights.Methods;

namespace Merganser.Tests.Weights;

public sealed class SphereMethodTests
{
    private static readonly ArrayModel Base = Models.Random(1);
    private static readonly ArrayModel A = Models.Changed(Base, 2, 0.7);
    private static readonly ArrayModel B = Models.Changed(Base, 3, 0.7);
    private static readonly ArrayModel C = Models.Changed(Base, 4, 0.7);

    public static TheoryData<string> WithoutBase => ["slerp", "nuslerp", "multislerp", "karcher", "passthrough"];

    public static TheoryData<string> WithBase => ["model_stock", "nearswap", "arcee_fusion", "nuslerp", "multislerp"];

    [Theory]
    [MemberData(nameof(WithoutBase))]
    public void Merging_a_model_with_itself_gives_it_back(string name)
    {
        MergeMethod method = MergeMethods.Find(name)!;
        ArrayModel[] models = [.. Enumerable.Repeat(A, Math.Min(method.MaxModels, 3))];
        Models.AssertSame(A, ArrayMerge.Run(method, method.Base == BaseRole.Required ? A : null, models, Parameters(models.Length)), 2e-6);
    }

    [Theory]
    [MemberData(nameof(WithBase))]
    public void Merging_copies_of_the_base_into_it_gives_it_back(string name)
    {
        MergeMethod method = MergeMethods.Find(name)!;
        ArrayModel[] models = [.. Enumerable.Repeat(Base, Math.Min(method.MaxModels, 3))];
        Models.AssertSame(Base, ArrayMerge.Run(method, Base, models, Parameters(models.Length)), 1e-7);
    }

    [Theory]
    [InlineData("multislerp")]
    [InlineData("karcher")]
    [InlineData("model_stock")]
    public void The_order_of_the_models_does_not_matter(string name)
    {
        MergeMethod method = MergeMethods.Find(name)!;
        ArrayModel? origin = method.Base == BaseRole.Required ? Base : null;
        Models.AssertSame(ArrayMerge.Run(method, origin, [A, B, C], Parameters(3)), ArrayMerge.Run(method, origin, [C, A, B], Parameters(3)), 3e-6);
    }

    [Theory]
    [InlineData("karcher")]
    [InlineData("multislerp")]
    public void Scaling_all_models_scales_the_result(string name)
    {
        MergeMethod method = MergeMethods.Find(name)!;
        ArrayModel zero = Models.Mix(A, A, 0);
        foreach ((_, (_, float[] values)) in zero)
            Array.Clear(values);
        ArrayModel[] doubled = [.. new[] { A, B, C }.Select(model => Models.Mix(zero, model, 2))];
        Models.AssertSame(Models.Mix(zero, ArrayMerge.Run(method, null, [A, B, C], Parameters(3)), 2), ArrayMerge.Run(method, null, doubled, Parameters(3)), 5e-6);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public void Slerp_ends_at_the_models(float t) =>
        Models.AssertSame(t == 0 ? A : B, ArrayMerge.Run(new Slerp(), A, [B], new ParameterSet().Set("t", t)), 1e-6);

    [Fact]
    public void Half_way_between_perpendicular_vectors_lies_the_diagonal()
    {
        ArrayModel x = new ArrayModel().With("v", [2], [3, 0]), y = new ArrayModel().With("v", [2], [0, 5]);
        float[] merged = ArrayMerge.Run(new Slerp(), x, [y], new ParameterSet().Set("t", 0.5))["v"].Values;
        Assert.Equal(3 * Math.Sqrt(0.5), merged[0], 1e-6);
        Assert.Equal(5 * Math.Sqrt(0.5), merged[1], 1e-6);
        float[] mean = ArrayMerge.Run(new Karcher(), null, [x, y], new ParameterSet())["v"].Values;
        Assert.Equal(4 * Math.Sqrt(0.5), mean[0], 1e-5);
        Assert.Equal(4 * Math.Sqrt(0.5), mean[1], 1e-5);
    }

    [Fact]
    public void Rows_and_columns_are_transposes_of_each_other()
    {
        ArrayModel turnedA = Turn(A), turnedB = Turn(B);
        ParameterSet rows = Parameters(2).Set("nuslerp_flatten", 0), columns = Parameters(2).Set("nuslerp_flatten", 0).Set("nuslerp_row_wise", 1);
        ArrayModel byRows = ArrayMerge.Run(new NuSlerp(), null, [Matrices(A), Matrices(B)], rows);
        Models.AssertSame(Turn(byRows), ArrayMerge.Run(new NuSlerp(), null, [turnedA, turnedB], columns), 1e-6);
    }

    [Fact]
    public void Opposite_models_cancel_for_two_and_are_refused_for_more()
    {
        ArrayModel plus = new ArrayModel().With("v", [4], [1, -2, 3, 0.5f]), minus = new ArrayModel().With("v", [4], [-1, 2, -3, -0.5f]);
        Assert.All(ArrayMerge.Run(new MultiSlerp(), null, [plus, minus], Parameters(2))["v"].Values, value => Assert.Equal(0, value));
        MerganserException e = Assert.Throws<MerganserException>(() => ArrayMerge.Run(new MultiSlerp(), null, [plus, minus, plus, minus], Parameters(4)));
        Assert.Contains("cancel", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nearswap_takes_small_differences_whole_and_large_ones_in_part()
    {
        ArrayModel origin = new ArrayModel().With("v", [3], [0, 0, 0]), other = new ArrayModel().With("v", [3], [0.05f, 0.2f, -1]);
        float[] merged = ArrayMerge.Run(new NearSwap(), origin, [other], new ParameterSet().Set("t", 0.1))["v"].Values;
        Assert.Equal(0.05f, merged[0]);
        Assert.Equal(0.1f, merged[1], 1e-7);
        Assert.Equal(-0.1f, merged[2], 1e-7);
    }

    [Fact]
    public void Model_stock_returns_to_the_base_where_changes_are_perpendicular()
    {
        ArrayModel origin = new ArrayModel().With("v", [2], [1, 1]);
        ArrayModel x = new ArrayModel().With("v", [2], [2, 1]), y = new ArrayModel().With("v", [2], [1, 3]);
        Assert.Equal([1f, 1f], ArrayMerge.Run(new ModelStock(), origin, [x, y], new ParameterSet())["v"].Values);
        Models.AssertSame(A, ArrayMerge.Run(new ModelStock(), Base, [A, A], new ParameterSet()), 1e-6);
    }

    [Fact]
    public void Fusion_takes_each_element_from_one_of_the_two_and_few_from_the_model()
    {
        ArrayModel merged = ArrayMerge.Run(new ArceeFusion(), Base, [A], new ParameterSet());
        int taken = 0, all = 0;
        foreach ((string name, (_, float[] values)) in merged)
        {
            for (int i = 0; i < values.Length; i++)
            {
                bool fromBase = values[i] == Base[name].Values[i];
                Assert.True(fromBase || Math.Abs(values[i] - A[name].Values[i]) < 1e-6);
                taken += fromBase ? 0 : 1;
                all++;
            }
        }

        Assert.InRange(taken, 1, all / 4);
    }

    [Fact]
    public void Passthrough_without_scale_keeps_every_bit_and_scales_with_one()
    {
        Models.AssertSame(A, ArrayMerge.Run(new Passthrough(), null, [A], new ParameterSet()), 0);
        Assert.All(ArrayMerge.Run(new Passthrough(), null, [A], new ParameterSet().Set("scale", 0, 0)), tensor => Assert.All(tensor.Value.Values, value => Assert.Equal(0, value)));
    }

    private static ParameterSet Parameters(int models)
    {
        ParameterSet parameters = new ParameterSet().Set("t", 0.4);
        for (int model = 0; model < models; model++)
            parameters.Set("weight", 0.5, model);
        return parameters;
    }

    private static ArrayModel Matrices(ArrayModel model)
    {
        var matrices = new ArrayModel();
        foreach ((string name, (ImmutableArray<long> shape, float[] values)) in model)
        {
            if (shape.Length == 2)
                matrices.With(name, shape, values);
        }

        return matrices;
    }

    private static ArrayModel Turn(ArrayModel model)
    {
        var turned = new ArrayModel();
        foreach ((string name, (ImmutableArray<long> shape, float[] values)) in Matrices(model))
        {
            int rows = (int)shape[0], columns = (int)shape[1];
            turned.With(name, [columns, rows], [.. Enumerable.Range(0, values.Length).Select(i => values[((i % rows) * columns) + (i / rows)])]);
        }

        return turned;
    }
}
