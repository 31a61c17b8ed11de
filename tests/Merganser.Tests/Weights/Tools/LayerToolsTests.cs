using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Recipes;
using Merganser.Weights.Tools;

namespace Merganser.Tests.Weights.Tools;

public sealed class LayerToolsTests
{
    private static readonly RecipeOptions Named = new() { Methods = [new NamedMethod()] };
    private static readonly string[] Outside = ["model.embed_tokens.weight", "model.norm.weight"];

    [Fact]
    public void The_swap_recipe_names_each_layer_once_in_order()
    {
        var swap = new LayerSwap { Bottom = 2, TransitionBottom = 1, Top = 1, TransitionTop = 2, TransitionWeight = 0.25 };
        MergeRecipe recipe = RecipeReader.Read(swap.ToRecipe(10, Outside, "task", "language"), "made");
        Assert.Equal([(0, 2), (2, 3), (3, 7), (7, 9), (9, 10)], recipe.Slices.Select(slice => slice.Sources[0].Layers!.Value));
        Assert.Equal(["task", "language"], recipe.Slices[0].Sources.Select(source => source.Model.Path));
        Assert.Equal([0, 0.75, 1, 0.75, 0], recipe.Slices.Select(slice => slice.Sources[0].Parameters[0].Entries[^1].Values[0].Number));
        Assert.Equal([1, 0.25, 0, 0.25, 1], recipe.Slices.Select(slice => slice.Sources[1].Parameters[0].Entries[^1].Values[0].Number));
    }

    [Theory]
    [InlineData(SwapEnds.Language, 0, 1)]
    [InlineData(SwapEnds.Task, 1, 0)]
    [InlineData(SwapEnds.Average, 0.5, 0.5)]
    [InlineData(SwapEnds.Base, 0, 0)]
    public void What_lies_outside_the_layers_comes_from_where_it_is_asked(SwapEnds ends, double task, double language)
    {
        MergeRecipe recipe = RecipeReader.Read(new LayerSwap { Ends = ends }.ToRecipe(4, Outside, "task", "language", "base"), "made");
        double[] weights = [.. recipe.Slices[0].Sources.Select(source => source.Parameters[0].Entries.First(entry => entry.Matches(Outside[1])).Values[0].Number)];
        Assert.Equal(ends == SwapEnds.Base ? [task, language, 1] : [task, language], weights);
        double[] layers = [.. recipe.Slices[0].Sources.Select(source => source.Parameters[0].Entries.First(entry => entry.Matches("model.layers.0.mlp.up_proj.weight")).Values[0].Number)];
        Assert.Equal(ends == SwapEnds.Base ? [1, 0, 0] : [1, 0], layers);
    }

    [Fact]
    public void Widths_that_do_not_fit_are_refused()
    {
        Assert.Throws<MerganserException>(() => new LayerSwap { Bottom = 3, Top = 2 }.ToRecipe(4, Outside, "a", "b"));
        Assert.Throws<MerganserException>(() => new LayerSwap { Bottom = -1 }.ToRecipe(4, Outside, "a", "b"));
        Assert.Throws<MerganserException>(() => new LayerSwap { TransitionWeight = 1.5 }.ToRecipe(4, Outside, "a", "b"));
        Assert.Throws<MerganserException>(() => new LayerSwap { Ends = SwapEnds.Base }.ToRecipe(4, Outside, "a", "b"));
    }

    [Fact]
    public void Bottom_and_top_are_where_the_language_expert_changed_more()
    {
        using ModelFolder old = Model("base", 0, 0, 0, 0, 0, 0, 0);
        using ModelFolder task = Model("task", 0, 1, 9, 9, 9, 9, 1, 1, 1);
        using ModelFolder language = Model("language", 5, 9, 9, 1, 1, 1, 9, 2, 9);
        LayerSwap swap = LayerSwap.Choose(ChangeMap.Compute(Model("base", 0, 0, 0, 0, 0, 0, 0, 0, 0), task), ChangeMap.Compute(Model("base", 0, 0, 0, 0, 0, 0, 0, 0, 0), language));
        // Layers 0 and 1 and the last ones; layer 2 moved as much in both, which is less of the language expert's total.
        Assert.Equal((2, 3), (swap.Bottom, swap.Top));
        Assert.Equal((1, 1), (swap.TransitionBottom, swap.TransitionTop));
        Assert.Throws<MerganserException>(() => LayerSwap.Choose(ChangeMap.Compute(old, Model("task", 1, 1, 1, 1, 1, 1, 1)), ChangeMap.Compute(Model("base", 0, 0, 0), Model("language", 1, 1, 1))));
    }

    [Fact]
    public void The_change_map_gives_means_per_row_and_shares_per_layer()
    {
        using ModelFolder old = Folder("old", MemoryTensor.Of("m.layers.0.q.weight", [2, 3], [0, 0, 0, 1, 1, 1]), MemoryTensor.Of("m.layers.1.q.weight", [2, 3], new float[6]), MemoryTensor.Of("m.norm.weight", [2], [1, 1]));
        using ModelFolder tuned = Folder("new", MemoryTensor.Of("m.layers.0.q.weight", [2, 3], [1, -2, 3, 1, 1, 1]), MemoryTensor.Of("m.layers.1.q.weight", [2, 3], [0, 0, 0, 0, 0, 1]), MemoryTensor.Of("m.norm.weight", [2], [1, 2]));
        ChangeMap map = ChangeMap.Compute(old, tuned);
        Assert.Equal(["m.norm.weight", "m.layers.0.q.weight", "m.layers.1.q.weight"], map.Tensors.Select(tensor => tensor.Name));
        Assert.Equal([2, 0], map.Tensors[1].RowChanges);
        Assert.Equal(1, map.Tensors[1].MeanChange, 1e-12);
        Assert.Equal("q.weight", map.Tensors[1].Kind);
        Assert.Equal(16, map.TotalSquaredChange, 1e-12);
        Assert.Equal([14.0 / 16, 1.0 / 16], map.LayerShares);
    }

    [Fact]
    public void Models_of_other_shapes_or_without_layers_are_refused()
    {
        using ModelFolder a = Folder("a", MemoryTensor.Of("m.layers.0.q.weight", [2], [0, 0]));
        Assert.Throws<MerganserException>(() => ChangeMap.Compute(a, Folder("b", MemoryTensor.Of("m.layers.0.q.weight", [3], [0, 0, 0]))));
        Assert.Throws<MerganserException>(() => ChangeMap.Compute(a, Folder("b", MemoryTensor.Of("other", [2], [0, 0]))));
        using ModelFolder flat = Folder("flat", MemoryTensor.Of("w", [2], [0, 0]));
        Assert.Contains("layers", Assert.Throws<MerganserException>(() => ModelLayers.Count(flat)).Message, StringComparison.Ordinal);
        Assert.Contains("layer 1", Assert.Throws<MerganserException>(() => ModelLayers.Count(Folder("gap", MemoryTensor.Of("h.0.w", [1], [0]), MemoryTensor.Of("h.2.w", [1], [0])))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_layer_of_a_shuffle_stays_in_its_place_and_the_seed_decides()
    {
        string recipe = LayerShuffle.ToRecipe(["a", "b"], [0.5, 0.5], 40, fullRandom: false, seed: 7);
        Assert.Equal(recipe, LayerShuffle.ToRecipe(["a", "b"], [0.5, 0.5], 40, fullRandom: false, seed: 7));
        Assert.NotEqual(recipe, LayerShuffle.ToRecipe(["a", "b"], [0.5, 0.5], 40, fullRandom: false, seed: 8));
        int next = 0;
        string last = "";
        foreach (RecipeSlice slice in RecipeReader.Read(recipe, "made", Named).Slices)
        {
            Assert.Equal(next, slice.Sources[0].Layers!.Value.First);
            Assert.NotEqual(last, slice.Sources[0].Model.Path);
            (last, next) = (slice.Sources[0].Model.Path, slice.Sources[0].Layers!.Value.End);
        }

        Assert.Equal(40, next);
        Assert.DoesNotContain("model: b", LayerShuffle.ToRecipe(["a", "b"], [1, 0], 40, fullRandom: false, seed: 7), StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_shuffle_takes_each_models_share_once()
    {
        string text = LayerShuffle.ToRecipe(["a", "b"], [0.5, 0.26], 12, fullRandom: true, seed: 1);
        var layers = new List<(string, int)>();
        foreach (RecipeSlice slice in RecipeReader.Read(text, "made", Named).Slices)
        {
            for (int layer = slice.Sources[0].Layers!.Value.First; layer < slice.Sources[0].Layers!.Value.End; layer++)
                layers.Add((slice.Sources[0].Model.Path, layer));
        }

        Assert.Equal(6, layers.Count(layer => layer.Item1 == "a"));
        Assert.Equal(3, layers.Count(layer => layer.Item1 == "b"));
        Assert.Equal(9, layers.Distinct().Count());
    }

    [Fact]
    public void Weights_that_cannot_be_used_are_refused()
    {
        Assert.Throws<MerganserException>(() => LayerShuffle.ToRecipe(["a", "b"], [1], 4, false, 0));
        Assert.Throws<MerganserException>(() => LayerShuffle.ToRecipe(["a", "b"], [1, -1], 4, false, 0));
        Assert.Throws<MerganserException>(() => LayerShuffle.ToRecipe(["a", "b"], [0, 0], 4, false, 0));
        Assert.Throws<MerganserException>(() => LayerShuffle.ToRecipe(["a", "b"], [0.1, 0.1], 4, true, 0));
        Assert.Throws<MerganserException>(() => LayerShuffle.ToRecipe([], null, 4, false, 0));
    }

    [Theory]
    [InlineData("./models/a", "./models/a")]
    [InlineData("org/model-1", "org/model-1")]
    [InlineData("a b", "\"a b\"")]
    [InlineData("true", "\"true\"")]
    [InlineData("c:\\x", "\"c:\\\\x\"")]
    [InlineData("", "\"\"")]
    public void Paths_are_quoted_where_yaml_needs_it(string text, string expected) => Assert.Equal(expected, YamlText.Quote(text));

    private static ModelFolder Model(string path, params float[] changes) =>
        Folder(path, [.. changes.Select((change, layer) => MemoryTensor.Of($"m.layers.{layer}.w", [1], [change]))]);

    private static ModelFolder Folder(string path, params TensorSource[] tensors) => new(path, new JsonObject(), new Checkpoint(path, tensors, []));

    /// <summary>Reading a recipe needs the method's name only.</summary>
    private sealed class NamedMethod : MergeMethod
    {
        public override string Name => "passthrough";

        public override string Summary => "";

        public override string Paper => "";

        public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) => throw new NotSupportedException();
    }
}
