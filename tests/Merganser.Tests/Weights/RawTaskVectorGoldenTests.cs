using Merganser.Weights;
using Merganser.Weights.Methods;

namespace Merganser.Tests.Weights;

public sealed class RawTaskVectorGoldenTests
{
    public static TheoryData<string> Averages => RawGolden.Cases("average");

    public static TheoryData<string> TaskArithmetics => RawGolden.Cases("task_arithmetic");

    public static TheoryData<string> RandomDares => RawGolden.Cases("dare-ta");

    public static TheoryData<string> MagnitudeDares => RawGolden.Cases("dare-magnitude");

    public static TheoryData<string> FuseChats => RawGolden.Cases("sce-fusechat");

    public static TheoryData<string> ModelTies => RawGolden.Cases("ties-dis");

    [Fact]
    public void Every_file_belongs_to_a_system() =>
        Assert.All(RawGolden.Files(), name => Assert.True(RawGolden.SystemOf(name).Length > 0, $"no test class claims {name}"));

    [Theory]
    [MemberData(nameof(Averages))]
    public void Averages_agree(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new Linear(), null, golden.Models, Equal(golden)), 1e-6);
    }

    [Theory]
    [MemberData(nameof(TaskArithmetics))]
    public void Task_arithmetic_agrees(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        ParameterSet parameters = Equal(golden).Set("lambda", golden.Number("lambda_"));
        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new TaskArithmetic(), golden.Base, golden.Models, parameters), 1e-6);
    }

    [Theory]
    [MemberData(nameof(RandomDares))]
    public void Drop_and_rescale_agrees_with_the_stored_masks(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        Assert.Equal("task arithmetic", golden.Metadata["combine"]);
        ArrayModel[] masks = [.. golden.Models.Select((_, index) => golden.Group($"keep{index}"))];
        var options = new ArrayMergeOptions { InjectedMask = (name, model) => [.. masks[model][name].Values.Select(kept => (byte)kept)] };
        ParameterSet parameters = Dare(golden).Set("drop_rate", golden.Number("drop_rate")).Set("lambda", golden.Number("lambda_"));
        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new Dare(), golden.Base, golden.Models, parameters, options), 1e-5);

        for (int index = 0; index < masks.Length; index++)
        {
            int model = index;
            var single = new ArrayMergeOptions { InjectedMask = (name, _) => options.InjectedMask(name, model) };
            ArrayModel sparse = ArrayMerge.Run(new Dare(), golden.Base, [golden.Models[model]], parameters.Set("lambda", 1), single);
            RawGolden.AssertClose(golden.Group($"dare{model}"), sparse, 1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(MagnitudeDares))]
    public void Dropping_by_magnitude_agrees(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        ParameterSet parameters = Dare(golden).Set("drop_rate", golden.Number("mask_rate")).Set("strategy", 1);
        for (int index = 0; index < golden.Models.Length; index++)
            RawGolden.AssertClose(golden.Group($"mag{index}"), ArrayMerge.Run(new Dare(), golden.Base, [golden.Models[index]], parameters), 1e-5);
    }

    [Theory]
    [MemberData(nameof(FuseChats))]
    public void The_released_fusechat_merge_agrees(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        ParameterSet parameters = new ParameterSet().Set("select_topk", golden.Number("select_topk")).Set("select_scope", 1);
        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new Sce(), golden.Base, golden.Models, parameters), 1e-5);
    }

    [Theory]
    [MemberData(nameof(ModelTies))]
    public void Ties_over_the_whole_model_agrees(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        string merge = golden.Metadata["merge_func"];
        Assert.StartsWith("dis-", merge, StringComparison.Ordinal);
        ParameterSet parameters = new ParameterSet()
            .Set("density", golden.Number("K"))
            .Set("lambda", golden.Number("lambda_"))
            .Set("resolve", Word(new TiesModel(), "resolve", golden.Metadata["resolve"]))
            .Set("merge", Word(new TiesModel(), "merge", merge["dis-".Length..]));
        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new TiesModel(), golden.Base, golden.Models, parameters), 1e-5);
    }

    private static int Word(MergeMethod method, string parameter, string word)
    {
        IReadOnlyList<string> words = method.Parameters.Single(candidate => candidate.Name == parameter).Words!;
        int index = words.ToList().IndexOf(word);
        Assert.True(index >= 0, $"'{word}' is no word of {parameter}");
        return index;
    }

    private static ParameterSet Dare(RawGolden golden) => Equal(golden).Set("rescale", golden.Flag("rescale") ? 0 : 2);

    private static ParameterSet Equal(RawGolden golden)
    {
        var parameters = new ParameterSet();
        for (int index = 0; index < golden.Models.Length; index++)
            parameters.Set("weight", 1, index);
        return parameters;
    }
}
