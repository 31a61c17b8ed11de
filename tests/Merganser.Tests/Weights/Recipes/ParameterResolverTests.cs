using System.Collections.Immutable;
using CsCheck;
using Merganser.Weights;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

public sealed class ParameterResolverTests
{
    private static readonly MethodParameter Weight = MethodParameter.ForModel("weight", null, "");
    private static readonly MethodParameter Density = MethodParameter.ForModel("density", 1, "");
    private static readonly MethodParameter Normalize = MethodParameter.Switch("normalize", true, "");

    [Theory]
    [InlineData(0, 1, 1.0)]
    [InlineData(0, 3, 0.0)]
    [InlineData(1, 3, 0.5)]
    [InlineData(2, 3, 1.0)]
    public void The_position_runs_from_0_to_1_and_is_1_for_a_single_layer(int layer, int count, double t) =>
        Assert.Equal(t, ParameterResolver.Position(layer, count));

    [Theory]
    [InlineData(0.0, 0.0)]
    [InlineData(0.25, 0.5)]
    [InlineData(0.5, 0.3)]
    [InlineData(0.625, 0.5)]
    [InlineData(1.0, 1.0)]
    public void A_gradient_is_linear_between_its_values(double t, double value) =>
        Assert.Equal(value, ParameterResolver.Interpolate(Values(0, 0.5, 0.3, 0.7, 1).AsSpan(), t), 12);

    [Fact]
    public void A_gradient_of_one_value_is_constant() => Assert.Equal(4, ParameterResolver.Interpolate(Values(4).AsSpan(), 0.7));

    [Fact]
    public void A_gradient_never_leaves_the_range_of_its_values() =>
        Gen.Select(Gen.Double[-5, 5].Array[1, 9], Gen.Double[0, 1]).Sample((values, t) =>
        {
            double result = ParameterResolver.Interpolate(Values(values).AsSpan(), t);
            return result >= values.Min() - 1e-12 && result <= values.Max() + 1e-12;
        });

    [Theory]
    [InlineData("a", 1)]
    [InlineData("b", 2)]
    public void The_models_own_value_comes_before_the_slices_and_the_documents(string model, double expected)
    {
        MergeRecipe recipe = Read("""
            merge_method: linear
            slices:
              - sources:
                  - {model: a, layer_range: [0, 2], parameters: {weight: 1}}
                  - {model: b, layer_range: [0, 2]}
                parameters: {weight: 2}
            parameters: {weight: 3, normalize: false}
            """);
        Assert.Equal(expected, Resolve(recipe, Weight, model, "x").Value);
        Assert.Equal(0, Resolve(recipe, Normalize, null, "x").Value);
    }

    [Fact]
    public void The_modules_value_stands_between_the_slices_and_the_documents()
    {
        MergeRecipe recipe = Read("""
            merge_method: linear
            modules:
              default:
                slices: [{sources: [{model: a, layer_range: [0, 1]}]}]
                parameters: {weight: 5}
            parameters: {weight: 3, normalize: 0}
            """);
        RecipeModule module = recipe.Modules[0];
        ParameterResolver resolver = new(recipe, module, module.Slices[0]);
        Assert.True(resolver.TryResolve(Weight, new ModelReference("a"), "x", "x", 0, out double weight, out string why));
        Assert.Equal(5, weight);
        Assert.Contains("module", why, StringComparison.Ordinal);
        Assert.True(resolver.TryResolve(Normalize, null, "x", "x", 0, out double normalize, out _));
        Assert.Equal(0, normalize);
    }

    [Fact]
    public void When_no_filter_matches_the_next_level_counts()
    {
        MergeRecipe recipe = Read("""
            merge_method: linear
            slices:
              - sources: [{model: a, layer_range: [0, 2], parameters: {weight: [{filter: mlp, value: 1}]}}]
                parameters: {weight: [{filter: attn, value: 2}]}
            parameters: {weight: 3}
            """);
        Assert.Equal(1, Resolve(recipe, Weight, "a", "layers.0.mlp.up").Value);
        Assert.Equal(2, Resolve(recipe, Weight, "a", "layers.0.attn.q").Value);
        Assert.Equal(3, Resolve(recipe, Weight, "a", "norm").Value);
    }

    [Fact]
    public void The_first_matching_filter_wins_and_a_star_matches_all()
    {
        MergeRecipe recipe = Read("""
            merge_method: linear
            slices: [{sources: [{model: a, layer_range: [0, 1]}]}]
            parameters: {weight: [{filter: mlp, value: 1}, {filter: '*', value: 2}, {filter: norm, value: 3}]}
            """);
        Assert.Equal(1, Resolve(recipe, Weight, "a", "mlp").Value);
        Assert.Equal(2, Resolve(recipe, Weight, "a", "norm").Value);
    }

    [Fact]
    public void Filters_see_the_input_name_for_a_models_option_and_the_output_name_for_the_methods()
    {
        MergeRecipe recipe = Read("""
            merge_method: linear
            slices: [{sources: [{model: a, layer_range: [5, 6]}]}]
            parameters:
              weight: [{filter: layers.5., value: 1}, {value: 2}]
              normalize: [{filter: layers.5., value: 0}, {value: 1}]
            """);
        ParameterResolver resolver = new(recipe, null, recipe.Slices[0]);
        Assert.True(resolver.TryResolve(Weight, new ModelReference("a"), "layers.0.w", "layers.5.w", 0, out double weight, out _));
        Assert.Equal(1, weight);
        Assert.True(resolver.TryResolve(Normalize, null, "layers.0.w", "layers.5.w", 0, out double normalize, out _));
        Assert.Equal(1, normalize);
    }

    [Fact]
    public void What_is_set_nowhere_is_left_to_the_default()
    {
        MergeRecipe recipe = Read("merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}]");
        ParameterResolver resolver = new(recipe, null, recipe.Slices[0]);
        Assert.False(resolver.TryResolve(Density, new ModelReference("a"), "x", "x", 0, out _, out string why));
        Assert.Equal("1 (default)", why);
    }

    [Fact]
    public void The_explanation_names_level_place_filter_and_gradient()
    {
        MergeRecipe recipe = Read("merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}]\nparameters:\n  weight:\n    - {filter: mlp, value: [0, 1]}\n");
        Assert.Equal("0.5 (document, r.yml:5:7, filter 'mlp', gradient at 0.5)", Resolve(recipe, Weight, "a", "mlp", 0.5).Why);
    }

    private static (double Value, string Why) Resolve(MergeRecipe recipe, MethodParameter parameter, string? model, string name, double t = 0)
    {
        ParameterResolver resolver = new(recipe, null, recipe.Slices[0]);
        Assert.True(resolver.TryResolve(parameter, model is null ? null : new ModelReference(model), name, name, t, out double value, out string why));
        return (value, why);
    }

    private static ImmutableArray<RecipeValue> Values(params double[] values) => [.. values.Select(value => new RecipeValue(value, null, default))];

    private static MergeRecipe Read(string text) => RecipeReader.Read(text, "r.yml", RecipeMethods.Options);
}
