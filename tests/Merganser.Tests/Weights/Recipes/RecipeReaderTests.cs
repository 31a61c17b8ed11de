using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

public sealed class RecipeReaderTests
{
    private const string Linear = """
        merge_method: linear
        models:
          - model: a
            parameters: {weight: 1}
          - model: b
            parameters: {weight: 0.5}
        """;

    [Theory]
    [InlineData("merge_method: tise\nmodels: [{model: a}]", "recipe.yml:1:15: unknown merge_method 'tise'; did you mean 'ties'?")]
    [InlineData("merge_method: linear\nmodel: [{model: a}]", "recipe.yml:2:1: unknown key 'model' in a recipe; did you mean 'models'?")]
    [InlineData("merge_metod: linear\nmodels: [{model: a}]", "recipe.yml:1:1: 'merge_method' is missing; is 'merge_metod' a typo?")]
    [InlineData("merge_method: linear\nmodels:\n  - model: a\n    parameter: {weight: 1}", "recipe.yml:4:5: unknown key 'parameter' in a model; did you mean 'parameters'?")]
    [InlineData("merge_method: linear\nmodels:\n  - model: a\n    parameters: {wieght: 1}", "recipe.yml:4:18: linear has no parameter 'wieght'; did you mean 'weight'?")]
    [InlineData("merge_method: linear\nmodels:\n  - model: a\n    parameters:\n      weight: abc", "recipe.yml:5:15: parameter 'weight' must be a number, not 'abc'")]
    [InlineData("merge_method: linear\nmodels:\n  - model: a\n    parameters:\n      weight: []", "recipe.yml:5:15: parameter 'weight' is an empty list; a gradient needs at least one number")]
    [InlineData("merge_method: linear\nmodels:\n  - model: a\n    parameters:\n      weight: .nan", "recipe.yml:5:15: parameter 'weight' must be a finite number, not '.nan'")]
    [InlineData("merge_method: linear\ndtype: bfloat61\nmodels: [{model: a}]", "recipe.yml:2:8: unknown dtype 'bfloat61'; did you mean 'bfloat16'?")]
    [InlineData("merge_method: linear\nmodels: [{model: a}]\nslices: []", "recipe.yml:1:1: only one of 'models', 'slices' and 'modules' may be given")]
    [InlineData("merge_method: linear", "recipe.yml:1:1: one of 'models', 'slices' or 'modules' is needed")]
    [InlineData("merge_method: linear\nmodels: a", "recipe.yml:2:9: 'models' must be a list, not 'a'")]
    [InlineData("merge_method: linear\nmodels:\n  - model: a+b+c", "recipe.yml:3:12: the model 'a+b+c' has more than one '+'; write it as a mapping with 'model' and 'lora' if a path contains one")]
    [InlineData("merge_method: linear\nmodels: [{model: a}]\ntokenizer_source: union\ntokenizer: {source: base}", "recipe.yml:3:19: only one of 'tokenizer_source' and 'tokenizer' may be given")]
    [InlineData("merge_method: linear\nslices:\n  - sources:\n      - model: a\n        layer_range: [3, 1]", "recipe.yml:5:22: 'layer_range' [3, 1] ends before it begins; the second number is the layer after the last")]
    [InlineData("merge_method: linear\nslices:\n  - sources:\n      - {model: a, layer_range: [0, 2]}\n      - {model: b, layer_range: [0, 3]}", "recipe.yml:5:17: this source has 3 layers, the first one of the slice has 2; they must be equal")]
    [InlineData("merge_method: linear\nmerge_method: ties", "recipe.yml:2:1: the key 'merge_method' is given twice")]
    [InlineData("[1, 2]", "recipe.yml:1:1: a recipe must be a mapping, not a list")]
    [InlineData("", "recipe.yml: the recipe is empty; it needs at least merge_method and models")]
    public void Mistakes_are_named_with_their_place_and_the_nearest_valid_name(string text, string message) =>
        Assert.Equal(message, Assert.Throws<MerganserException>(() => Read(text)).Message);

    [Fact]
    public void Yaml_that_cannot_be_parsed_is_named_with_its_line()
    {
        string message = Assert.Throws<MerganserException>(() => Read("merge_method: linear\nmodels: [\n  {a: }\n")).Message;
        Assert.StartsWith("recipe.yml:", message, StringComparison.Ordinal);
        Assert.Contains("not valid YAML", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Unknown_keys_are_warnings_when_that_is_asked()
    {
        MergeRecipe recipe = RecipeReader.Read(Linear + "\nmodle: x\n", "recipe.yml", RecipeMethods.Options with { AllowUnknownKeys = true });
        Assert.Equal("recipe.yml:7:1: unknown key 'modle' in a recipe; did you mean 'models'? (ignored)", Assert.Single(recipe.Warnings));
    }

    [Fact]
    public void An_option_of_another_method_is_a_warning_and_int8_mask_is_none()
    {
        MergeRecipe recipe = Read(Linear + "\nparameters: {density: 0.5, int8_mask: true}\n");
        Assert.Equal("recipe.yml:7:14: linear does not use the parameter 'density'", Assert.Single(recipe.Warnings));
    }

    [Theory]
    [InlineData("true", 1)]
    [InlineData("off", 0)]
    [InlineData("'0.25'", 0.25)]
    [InlineData("1e-6", 1e-6)]
    [InlineData("-3", -3)]
    public void Switches_and_numbers_in_quotes_become_numbers(string text, double value)
    {
        MergeRecipe recipe = Read($"merge_method: linear\nmodels: [{{model: a}}]\nparameters: {{weight: {text}}}");
        Assert.Equal(value, recipe.Parameters[0].Entries[0].Values[0].Number);
    }

    [Fact]
    public void A_single_filter_that_is_not_in_a_list_counts_as_a_list_of_one()
    {
        MergeRecipe recipe = Read("merge_method: linear\nmodels: [{model: a}]\nparameters:\n  weight: {filter: mlp, value: [0, 1]}");
        RecipeParameterEntry entry = Assert.Single(recipe.Parameters[0].Entries);
        Assert.Equal("mlp", entry.Filter);
        Assert.Equal(2, entry.Values.Length);
    }

    [Fact]
    public void Models_can_be_written_in_short_and_as_mappings()
    {
        MergeRecipe recipe = Read("""
            merge_method: linear
            models:
              - model: org/name@main+adapter@v2
              - model: {model: {path: org/name, revision: main}, lora: {path: adapter, revision: v2}}
              - model: {model: x, override_architecture: LlamaForCausalLM}
              - model: {path: a+b@c}
            """);
        Assert.Equal(recipe.Models[0].Model, recipe.Models[1].Model);
        Assert.Equal("org/name@main+adapter@v2", recipe.Models[0].Model.ToString());
        Assert.Equal("LlamaForCausalLM", recipe.Models[2].Model.OverrideArchitecture);
        Assert.Equal(new ModelReference("a+b@c"), recipe.Models[3].Model);
    }

    [Fact]
    public void Anchors_and_merge_keys_are_expanded()
    {
        MergeRecipe recipe = Read("""
            merge_method: linear
            models:
              - &first
                model: a
                parameters: &half {weight: 0.5}
              - <<: *first
                model: b
            """);
        Assert.Equal("b", recipe.Models[1].Model.Path);
        Assert.Equal(0.5, recipe.Models[1].Parameters[0].Entries[0].Values[0].Number);
    }

    [Fact]
    public void Aliases_that_expand_to_very_much_are_refused()
    {
        string text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
        for (char c = 'b'; c <= 'k'; c++)
            text += $"{c}: &{c} [*{(char)(c - 1)}, *{(char)(c - 1)}, *{(char)(c - 1)}, *{(char)(c - 1)}, *{(char)(c - 1)}, *{(char)(c - 1)}]\n";
        Assert.Contains("more than 100000 values", Assert.Throws<MerganserException>(() => Read(text)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(70)]
    [InlineData(5000)]
    public void Deep_nesting_is_refused(int depth) =>
        Assert.Throws<MerganserException>(() => Read("a: " + new string('[', depth) + new string(']', depth)));

    [Fact]
    public void An_alias_inside_its_own_anchor_is_refused() =>
        Assert.Throws<MerganserException>(() => Read("a: &x [1, *x]"));

    [Fact]
    public void A_recipe_of_layer_slices_becomes_one_of_slices()
    {
        MergeRecipe recipe = Read("""
            layer_slices:
              - {model: a, start: 0, end: 2}
              - {model: b, start: 1, end: 3, scale: 0.5}
            embedding_source: c
            lm_head_source: d
            """);
        Assert.Equal("passthrough", recipe.Method.Name);
        Assert.Equal(["c", "a", "b", "d"], recipe.Slices.Select(slice => slice.Sources[0].Model.Path));
        Assert.Equal((1, 3), recipe.Slices[2].Sources[0].Layers);
        Assert.Equal(0.5, recipe.Slices[2].Sources[0].Parameters[0].Entries[0].Values[0].Number);
    }

    private static MergeRecipe Read(string text) => RecipeReader.Read(text, "recipe.yml", RecipeMethods.Options);
}
