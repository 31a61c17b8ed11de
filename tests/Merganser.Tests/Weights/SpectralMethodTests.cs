using Merganser.Tests.Weights.Spectral;
using Merganser.Weights;
using Merganser.Weights.Methods;
using Merganser.Weights.Spectral;

namespace Merganser.Tests.Weights;

public sealed class SpectralMethodTests
{
    private static readonly ArrayModel Base = Models.Random(1);
    private static readonly ArrayModel A = Models.Changed(Base, 2);
    private static readonly ArrayModel B = Models.Changed(Base, 3);
    private static readonly ArrayModel C = Models.Changed(Base, 4);

    [Theory]
    [InlineData("tsvm")]
    [InlineData("varm")]
    public void One_task_gives_its_model_back(string name) =>
        Models.AssertSame(A, ArrayMerge.Run(MergeMethods.Find(name)!, Base, [A], new ParameterSet()), 2e-6);

    [Theory]
    [InlineData("tsvm")]
    [InlineData("rtsvm")]
    [InlineData("varm")]
    [InlineData("twin")]
    [InlineData("pcb")]
    public void Copies_of_the_base_change_nothing(string name)
    {
        var warnings = new List<string>();
        var options = new ArrayMergeOptions { Warn = warnings.Add };
        Models.AssertSame(Base, ArrayMerge.Run(MergeMethods.Find(name)!, Base, [Base, Base, Base], new ParameterSet(), options), 1e-7);
    }

    [Theory]
    [InlineData("tsvm")]
    [InlineData("rtsvm")]
    [InlineData("varm")]
    [InlineData("twin")]
    [InlineData("pcb")]
    public void The_order_of_the_tasks_does_not_matter(string name)
    {
        MergeMethod method = MergeMethods.Find(name)!;
        Models.AssertSame(ArrayMerge.Run(method, Base, [A, B, C], new ParameterSet()), ArrayMerge.Run(method, Base, [C, A, B], new ParameterSet()), 1e-5);
    }

    [Fact]
    public void The_spectrum_of_a_tsvm_merge_is_that_of_the_tasks()
    {
        float[][] tasks = [SpectralKitTests.Random(30 * 20, 1), SpectralKitTests.Random(30 * 20, 2)];
        TaskSingularVectors vectors = TaskSingularVectors.Of(tasks, 30, 20, 10, SvdKind.Exact, 0, 1);
        double[] merged = SpectralKit.Svd(vectors.Merge(TsvVariant.Polar, out int dropped)).S;
        double[] expected = [.. tasks.SelectMany(task => SpectralKit.Svd(task, 30, 20, 10).S).OrderByDescending(value => value)];
        Assert.Equal(0, dropped);
        Assert.All(expected.Zip(merged), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
    }

    [Fact]
    public void Tasks_in_orthogonal_spaces_are_added_without_change_and_do_not_interfere()
    {
        float[] first = new float[10 * 8], second = new float[10 * 8];
        float[] noise = SpectralKitTests.Random(40, 3);
        for (int i = 0; i < 20; i++)
        {
            first[(i / 4 * 8) + (i % 4)] = noise[i];
            second[((5 + (i / 4)) * 8) + 4 + (i % 4)] = noise[20 + i];
        }

        TaskSingularVectors vectors = TaskSingularVectors.Of([first, second], 10, 8, 4, SvdKind.Exact, 0, 1);
        double[] merged = vectors.Merge(TsvVariant.Polar, out _).Data;
        for (int i = 0; i < 80; i++)
            Assert.Equal(first[i] + second[i], merged[i], 1e-9);
        Assert.Equal(0, Tsvm.InterferenceScore([first, second], 10, 8), 1e-9);
        Assert.True(Tsvm.InterferenceScore([first, first], 10, 8) > 1);
    }

    [Fact]
    public void The_same_task_twice_drops_the_shared_directions()
    {
        float[] task = SpectralKitTests.Random(12 * 12, 5);
        TaskSingularVectors vectors = TaskSingularVectors.Of([task, task], 12, 12, 6, SvdKind.Exact, 0, 1);
        Assert.All(vectors.Merge(TsvVariant.Polar, out int dropped).Data, value => Assert.True(double.IsFinite(value)));
        Assert.Equal(6, dropped);
    }

    [Fact]
    public void Reweighting_switched_off_leaves_tsvm()
    {
        ArrayModel tsvm = ArrayMerge.Run(new Tsvm(), Base, [A, B, C], new ParameterSet());
        Models.AssertSame(tsvm, ArrayMerge.Run(new Rtsvm(), Base, [A, B, C], new ParameterSet().Set("c", 1e9).Set("epsilon", 0)), 1e-6);
        Models.AssertSame(tsvm, ArrayMerge.Run(new Rtsvm(), Base, [A, B, C], new ParameterSet().Set("weighting", 1).Set("rank", 1)), 1e-6);
    }

    [Fact]
    public void Outlier_weights_add_up_to_the_number_of_tasks()
    {
        double[] weights = Rtsvm.Weights([SpectralKitTests.Random(500, 1), SpectralKitTests.Random(500, 2), SpectralKitTests.Random(500, 3)], 2);
        Assert.Equal(3, weights.Sum(), 1e-9);
        Assert.True(weights.Distinct().Count() > 1);
    }

    [Fact]
    public void Alpha_scales_the_merged_change()
    {
        ParameterSet half = new ParameterSet().Set("alpha", 0.5, 0).Set("alpha", 0.5, 1);
        ArrayModel whole = ArrayMerge.Run(new Tsvm(), Base, [A, B], new ParameterSet());
        Models.AssertSame(Models.Mix(Base, whole, 0.5f), ArrayMerge.Run(new Tsvm(), Base, [A, B], half), 1e-6);
    }

    [Fact]
    public void A_twin_with_full_density_and_one_router_weight_is_that_model()
    {
        ParameterSet parameters = new ParameterSet().Set("density", 1).Set("weight", 1, 1);
        Models.AssertSame(B, ArrayMerge.Run(new Twin(), Base, [A, B, C], parameters), 1e-5);
        ParameterSet almost = new ParameterSet().Set("density", 0.9999).Set("weight", 1, 1);
        ArrayModel truncated = ArrayMerge.Run(new Twin(), Base, [A, B, C], almost);
        Assert.Contains(truncated["layers.0.a"].Values.Zip(B["layers.0.a"].Values), pair => Math.Abs(pair.First - pair.Second) > 1e-4);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void The_error_of_a_compressed_part_is_its_tail_of_singular_values(int rank)
    {
        float[] difference = SpectralKitTests.Random(9 * 14, 8);
        TwinExpert expert = TwinExpert.Compress(difference, [9, 14], (rank + 0.5) / 9);
        Assert.Equal(rank, expert.Factors!.Rank);
        double[] values = SpectralKit.Svd(difference, 9, 14).S;
        double error = Math.Sqrt(difference.Zip(expert.Factors.ToDense(), (a, b) => Math.Pow((double)a - b, 2)).Sum());
        Assert.Equal(Math.Sqrt(values.Skip(rank).Sum(value => value * value)), error, 1e-4);
    }

    [Theory]
    [InlineData(TwinCompression.Magnitude)]
    [InlineData(TwinCompression.Bernoulli)]
    public void Other_compressions_keep_about_their_share(TwinCompression compression)
    {
        float[] difference = SpectralKitTests.Random(100 * 100, 9);
        float[] kept = TwinExpert.Compress(difference, [100, 100], 0.3, compression, seed: 4).Dense!;
        Assert.InRange(kept.Count(value => value != 0), compression == TwinCompression.Magnitude ? 3000 : 2800, compression == TwinCompression.Magnitude ? 3000 : 3200);
        if (compression == TwinCompression.Magnitude)
            Assert.True(kept.Where(value => value != 0).Min(Math.Abs) >= difference.Where((_, i) => kept[i] == 0).Max(Math.Abs));
    }

    [Theory]
    [InlineData("matrix")]
    [InlineData("layer")]
    [InlineData("model")]
    [InlineData("parameter")]
    public void Weights_from_changes_stay_between_the_models(string granularity)
    {
        ParameterSet parameters = new ParameterSet().Set("granularity", Array.IndexOf(["matrix", "layer", "model", "parameter"], granularity));
        ArrayModel merged = ArrayMerge.Run(new Varm(), Base, [A, B], parameters);
        foreach ((string name, (_, float[] values)) in merged)
        {
            for (int i = 0; i < values.Length; i++)
            {
                float a = A[name].Values[i], b = B[name].Values[i];
                Assert.InRange(values[i], Math.Min(a, b) - 1e-5f, Math.Max(a, b) + 1e-5f);
            }
        }
    }

    [Fact]
    public void Weights_over_the_model_are_the_shares_of_the_summed_squares()
    {
        double Sum(ArrayModel model) => model.Sum(tensor => tensor.Value.Values.Zip(Base[tensor.Key].Values, (x, y) => Math.Pow((double)x - y, 2)).Sum());
        float share = (float)(Sum(B) / (Sum(A) + Sum(B)));
        Models.AssertSame(Models.Mix(A, B, share), ArrayMerge.Run(new Varm(), Base, [A, B], new ParameterSet().Set("granularity", 2)), 1e-6);
        string[] layer = ["layers.0.a", "layers.0.b"];
        double InLayer(ArrayModel model) => layer.Sum(name => model[name].Values.Zip(Base[name].Values, (x, y) => Math.Pow((double)x - y, 2)).Sum());
        float layerShare = (float)(InLayer(B) / (InLayer(A) + InLayer(B)));
        ArrayModel expected = Models.Mix(A, B, layerShare), merged = ArrayMerge.Run(new Varm(), Base, [A, B], new ParameterSet().Set("granularity", 1));
        Assert.All(layer, name => Assert.All(expected[name].Values.Zip(merged[name].Values), pair => Assert.Equal(pair.First, pair.Second, 1e-6)));
    }

    [Fact]
    public void One_task_of_a_competition_keeps_only_its_top_share()
    {
        ArrayModel merged = ArrayMerge.Run(new Pcb(), Base, [A], new ParameterSet());
        int total = Base.Values.Sum(tensor => tensor.Values.Length);
        int changed = merged.Sum(tensor => tensor.Value.Values.Zip(Base[tensor.Key].Values).Count(pair => pair.First != pair.Second));
        Assert.InRange(changed, 1, (int)Math.Ceiling(0.1 * total) + 1);
    }

    [Fact]
    public void Bounds_per_tensor_and_over_a_model_of_one_tensor_are_the_same()
    {
        ArrayModel Only(ArrayModel model) => new ArrayModel().With("x", model["layers.0.a"].Shape, model["layers.0.a"].Values);
        ArrayModel perTensor = ArrayMerge.Run(new Pcb(), Only(Base), [Only(A), Only(B)], new ParameterSet().Set("scope", 1));
        Models.AssertSame(ArrayMerge.Run(new Pcb(), Only(Base), [Only(A), Only(B)], new ParameterSet()), perTensor, 0);
    }

    [Fact]
    public void Changes_that_are_not_finite_are_named()
    {
        ArrayModel broken = Models.Mix(A, A, 0);
        broken["layers.0.b"].Values[7] = float.PositiveInfinity;
        MerganserException e = Assert.ThrowsAny<MerganserException>(() => ArrayMerge.Run(new Tsvm(), Base, [A, broken], new ParameterSet()));
        Assert.Contains("layers.0.b", e.Message, StringComparison.Ordinal);
    }
}
