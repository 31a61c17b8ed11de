using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

public sealed class MergePlannerTests : IDisposable
{
    private const string Two = "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 1}}\n  - {model: b, parameters: {weight: 3}}\n";
    private const string Up = "model.layers.0.mlp.up_proj.weight";
    private static readonly MethodParameter Weight = MethodParameter.ForModel("weight", null, "");

    private readonly SmallModels _models = new();

    public MergePlannerTests()
    {
        _models.Add("a", 1);
        _models.Add("b", 2);
        _models.Add("base", 0);
    }

    [Fact]
    public void A_single_layer_takes_the_last_value_of_a_gradient_and_what_is_outside_the_layers_the_first()
    {
        using MergePlan plan = _models.Plan("merge_method: linear\nslices:\n  - sources:\n      - {model: a, layer_range: [1, 2], parameters: {weight: [0.25, 0.75]}}\n");
        Assert.Equal(0.75, SmallModels.Job(plan, Up).Context!.Parameters.Get(Weight, 0));
        Assert.Equal(0.25, SmallModels.Job(plan, "model.norm.weight").Context!.Parameters.Get(Weight, 0));
        Assert.Equal(0.25, SmallModels.Job(plan, "model.embed_tokens.weight").Context!.Parameters.Get(Weight, 0));
    }

    [Fact]
    public void The_end_of_a_gradient_can_be_asked_for_what_comes_after_the_layers()
    {
        using MergePlan plan = _models.Plan("merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: [0.25, 0.75]}}\n", _models.Options with { PostPosition = 1 });
        Assert.Equal(0.75, SmallModels.Job(plan, "lm_head.weight").Context!.Parameters.Get(Weight, 0));
        Assert.Equal(0.25, SmallModels.Job(plan, "model.embed_tokens.weight").Context!.Parameters.Get(Weight, 0));
    }

    [Fact]
    public void Layers_are_renumbered_and_filters_of_a_models_options_see_the_old_number()
    {
        using MergePlan plan = _models.Plan("""
            merge_method: linear
            slices:
              - sources: [{model: a, layer_range: [2, 3]}]
              - sources: [{model: b, layer_range: [0, 2]}]
            parameters: {weight: [{filter: layers.2., value: 7}, {value: 1}]}
            """);
        Assert.Equal(7, SmallModels.Job(plan, Up).Context!.Parameters.Get(Weight, 0));
        Assert.Equal("model.layers.2.mlp.up_proj.weight", SmallModels.Job(plan, Up).Inputs[0].Info.Name);
        Assert.Equal(1, SmallModels.Job(plan, "model.layers.2.mlp.up_proj.weight").Context!.Parameters.Get(Weight, 0));
        Assert.Equal(["a", "b"], new[] { "model.embed_tokens.weight", "lm_head.weight" }.Select(name => SmallModels.Job(plan, name).Context!.Models[0]));
    }

    [Fact]
    public void The_number_of_layers_in_the_configuration_is_that_of_the_slices()
    {
        using MergePlan plan = _models.Plan("merge_method: linear\nparameters: {weight: 1}\nslices:\n  - sources: [{model: a, layer_range: [0, 3]}]\n  - sources: [{model: b, layer_range: [1, 3]}]\n");
        Assert.Equal(5, (int?)plan.Config!["num_hidden_layers"]);
        Assert.Equal(5, plan.Jobs.Count(job => job.Output.Name.EndsWith("up_proj.weight", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_base_that_is_not_listed_comes_last_and_needs_the_methods_options_like_the_others()
    {
        using MergePlan plan = _models.Plan(Two + "base_model: base\nparameters: {weight: 0.5}\n");
        Assert.Equal(["a", "b", "base"], SmallModels.Job(plan, Up).Context!.Models);
        Assert.Equal(0.5, SmallModels.Job(plan, Up).Context!.Parameters.Get(Weight, 2));
        string message = _models.Fails(Two + "base_model: base\n");
        Assert.StartsWith("recipe.yml:5:13: Missing required parameter weight for base.model.", message, StringComparison.Ordinal);
        Assert.Contains("counts the base_model as an input", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_base_that_is_kept_apart_needs_no_options_even_when_it_is_listed()
    {
        using MergePlan plan = _models.Plan("merge_method: ties\nbase_model: base\nmodels: [{model: base}, {model: a, parameters: {weight: 1}}]\n");
        TensorJob job = SmallModels.Job(plan, Up);
        Assert.Equal(["a"], job.Context!.Models);
        Assert.True(job.Context.HasBase);
        Assert.Contains("base", job.Base!.Origin, StringComparison.Ordinal);
    }

    [Fact]
    public void A_slice_without_the_base_that_the_method_needs_is_named()
    {
        string message = _models.Fails("""
            merge_method: slerp
            base_model: a
            parameters: {t: 0.5}
            slices:
              - sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [0, 1]}]
              - sources: [{model: b, layer_range: [1, 2]}]
            """);
        Assert.StartsWith("recipe.yml:6:5: slice 2 does not list the base model a, which slerp needs there", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("merge_method: ties\nmodels: [{model: a, parameters: {weight: 1}}]\n", "recipe.yml:1:1: ties needs a 'base_model'")]
    [InlineData("merge_method: slerp\nbase_model: base\nparameters: {t: 1}\nmodels: [{model: a}, {model: b}]\n", "recipe.yml:1:1: slerp merges exactly 1 model beside the base, but the recipe lists 2")]
    [InlineData("merge_method: slerp\nbase_model: base\nmodels: [{model: a}]\n", "recipe.yml:1:1: Missing required parameter t for model.embed_tokens.weight; set it under 'parameters'")]
    [InlineData("merge_method: linear\nmodels: [{model: a}]\n", "recipe.yml:2:18: Missing required parameter weight for a.model.embed_tokens.weight")]
    [InlineData("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: a}]\n", "recipe.yml:3:30: a is given twice in the recipe; mergekit would silently use only the later one (--strict-mergekit does that too)")]
    [InlineData("merge_method: linear\nparameters: {weight: 1}\nslices:\n- sources: [{model: a, layer_range: [1, 4]}]\n", "recipe.yml:4:21: 'layer_range' [1, 4] goes beyond the 3 layers of a")]
    [InlineData("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: bsae}]\n", "recipe.yml:3:18: there is no model 'bsae'; did you mean 'base'?")]
    [InlineData("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: some-org/some-name}]\n", "recipe.yml:3:18: the model 'some-org/some-name' is neither a folder here nor in the local cache; to download it: merganser pull some-org/some-name")]
    [InlineData("merge_method: linear\nparameters: {weight: 1}\nmodules: {vision: {models: [{model: a}]}}\n", "recipe.yml:3:11: LlamaForCausalLM has no module 'vision'; known are default")]
    public void What_does_not_fit_is_named_with_its_place(string recipe, string message) => Assert.Equal(message, _models.Fails(recipe));

    [Fact]
    public void In_strict_mode_the_later_layers_of_a_repeated_model_win()
    {
        using MergePlan plan = _models.Plan("""
            merge_method: linear
            slices:
              - sources:
                  - {model: a, layer_range: [0, 1], parameters: {weight: 1}}
                  - {model: a, layer_range: [2, 3], parameters: {weight: 9}}
            """, _models.Options with { StrictMergekit = true });
        TensorJob job = SmallModels.Job(plan, Up);
        Assert.Equal("model.layers.2.mlp.up_proj.weight", Assert.Single(job.Inputs).Info.Name);
        Assert.Equal(1, job.Context!.Parameters.Get(Weight, 0));
    }

    [Theory]
    [InlineData("", DType.F32)]
    [InlineData("dtype: float16\n", DType.F16)]
    [InlineData("dtype: float16\nout_dtype: bfloat16\n", DType.BF16)]
    public void Different_stored_types_are_promoted_unless_the_recipe_names_one(string types, DType expected)
    {
        _models.Add("narrow", 1, DType.BF16);
        using MergePlan plan = _models.Plan($"{types}merge_method: linear\nparameters: {{weight: 1}}\nmodels: [{{model: narrow}}, {{model: a}}]\n");
        Assert.All(plan.Jobs, job => Assert.Equal(expected, job.Output.DType));
    }

    [Fact]
    public void A_base_that_is_kept_apart_gives_the_stored_type_and_strict_mode_computes_in_it()
    {
        _models.Add("narrow", 1, DType.BF16);
        const string recipe = "merge_method: ties\nbase_model: narrow\nmodels: [{model: a, parameters: {weight: 1}}]\n";
        using MergePlan native = _models.Plan(recipe);
        Assert.All(native.Jobs, job => Assert.Equal((DType.BF16, null, false), (job.Output.DType, job.ComputeType, job.Context!.Rounding.IsNarrow)));
        using MergePlan strict = _models.Plan(recipe, _models.Options with { StrictMergekit = true });
        Assert.All(strict.Jobs, job => Assert.Equal((DType.BF16, DType.BF16, true), (job.Output.DType, job.ComputeType!.Value, job.Context!.Rounding.IsNarrow)));
    }

    [Fact]
    public void All_missing_tensors_are_named_at_once()
    {
        _models.Add("holes", 1, change: tensors =>
        {
            tensors.Remove("model.norm.weight");
            tensors.Remove("model.layers.1.mlp.up_proj.weight");
        });
        const string recipe = "merge_method: linear\nparameters: {weight: 1}\nbase_model: a\nmodels: [{model: a}, {model: holes}]\n";
        string message = _models.Fails(recipe);
        Assert.StartsWith("recipe.yml: 2 tensors are missing: ", message, StringComparison.Ordinal);
        Assert.Contains("model.norm.weight in holes", message, StringComparison.Ordinal);
        Assert.Contains("model.layers.1.mlp.up_proj.weight in holes", message, StringComparison.Ordinal);

        using MergePlan skipped = _models.Plan(recipe, _models.Options with { OnMissing = MissingTensorPolicy.SkipModel });
        Assert.Equal(["a"], SmallModels.Job(skipped, "model.norm.weight").Context!.Models);
        foreach (MissingTensorPolicy policy in new[] { MissingTensorPolicy.CopyBase, MissingTensorPolicy.CopyFirst })
        {
            using MergePlan copied = _models.Plan(recipe, _models.Options with { OnMissing = policy });
            Assert.Null(SmallModels.Job(copied, "model.norm.weight").Method);
            Assert.Contains(copied.Warnings, warning => warning.StartsWith("model.norm.weight: copied from a", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Integers_are_copied_and_a_difference_is_told()
    {
        _models.Add("x", 1, change: tensors => SmallModels.PutIntegers(tensors, "model.position_ids", 1, 2));
        _models.Add("y", 1, change: tensors => SmallModels.PutIntegers(tensors, "model.position_ids", 1, 3));
        using MergePlan plan = _models.Plan("merge_method: linear\ndtype: bfloat16\nparameters: {weight: 1}\nmodels: [{model: x}, {model: y}]\n");
        TensorJob job = SmallModels.Job(plan, "model.position_ids");
        Assert.Null(job.Method);
        Assert.Equal(DType.I64, job.Output.DType);
        Assert.Contains("model.position_ids: integers are copied from x, but y has others", plan.Warnings);
    }

    [Fact]
    public void Tensors_of_different_shapes_are_named_with_both_models_and_shapes()
    {
        _models.Add("wide", 1, change: tensors => SmallModels.Put(tensors, "model.norm.weight", DType.F32, 1, 7));
        Assert.Equal(
            "model.norm.weight: has shape [4] in a but [7] in wide; these models cannot be merged with one another",
            _models.Fails("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: a}, {model: wide}]\n"));
    }

    [Fact]
    public void Embeddings_of_different_shapes_lose_what_not_all_have_and_the_configuration_follows()
    {
        AddLarge();
        using MergePlan plan = _models.Plan("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: large}, {model: a}]\n");
        TensorJob job = SmallModels.Job(plan, "model.embed_tokens.weight");
        Assert.Equal([6, 4], job.Output.Shape);
        Assert.All(job.Inputs, input => Assert.Equal(job.Output.Shape, input.Info.Shape));
        Assert.Equal(6, (int?)plan.Config!["vocab_size"]);
        Assert.Contains(plan.Warnings, warning => warning.StartsWith("model.embed_tokens.weight: shapes differ", StringComparison.Ordinal));
        Assert.Contains("has shape [8, 4] in large", _models.Fails(
            "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: large}, {model: a}]\n", _models.Options with { EmbedMismatch = EmbeddingMismatchPolicy.Error }), StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_that_a_model_lacks_can_be_the_bases()
    {
        AddLarge();
        using MergePlan plan = _models.Plan(
            "merge_method: ties\nbase_model: large\nmodels: [{model: a, parameters: {weight: 1}}]\n", _models.Options with { EmbedMismatch = EmbeddingMismatchPolicy.PadBase });
        TensorJob job = SmallModels.Job(plan, "model.embed_tokens.weight");
        Assert.Equal([8, 4], job.Output.Shape);
        Assert.Equal([.. Enumerable.Repeat(1f, 24), .. Enumerable.Repeat(5f, 8)], PlanRunner.Read(job.Inputs[0]));
    }

    [Fact]
    public void A_tied_model_among_untied_ones_gives_its_embedding_as_its_head()
    {
        _models.Add("tied", 4, change: tensors => tensors.Remove("lm_head.weight"), config: json => json["tie_word_embeddings"] = true);
        const string recipe = "merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: tied}, {model: a}]\n";
        using MergePlan mixed = _models.Plan(recipe);
        Assert.Equal(["model.embed_tokens.weight", "lm_head.weight"], SmallModels.Job(mixed, "lm_head.weight").Inputs.Select(input => input.Info.Name));
        Assert.False((bool?)mixed.Config!["tie_word_embeddings"]);
        using MergePlan tied = _models.Plan("merge_method: linear\nparameters: {weight: 1}\nmodels: [{model: tied}]\n");
        Assert.DoesNotContain(tied.Jobs, job => job.Output.Name == "lm_head.weight");
        Assert.True((bool?)tied.Config!["tie_word_embeddings"]);
    }

    [Fact]
    public void An_optional_tensor_that_only_the_base_lacks_is_copied_with_a_warning()
    {
        const string name = "model.layers.0.mlp.up_proj.bias";
        _models.Add("biased", 1, change: tensors => SmallModels.Put(tensors, name, DType.F32, 3, 5));
        using MergePlan plan = _models.Plan("merge_method: ties\nbase_model: base\nmodels: [{model: biased, parameters: {weight: 1}}]\n");
        Assert.Null(SmallModels.Job(plan, name).Method);
        Assert.Contains($"{name}: copied from biased: the base base lacks it", plan.Warnings);
    }

    [Fact]
    public void A_plan_of_the_same_work_has_the_same_fingerprint_and_of_other_work_another()
    {
        using MergePlan first = _models.Plan(Two), second = _models.Plan(Two);
        Assert.Equal(first.Fingerprint, second.Fingerprint);
        using MergePlan otherSeed = _models.Plan(Two, _models.Options with { Seed = 1 }), otherRecipe = _models.Plan(Two + "dtype: bfloat16\n");
        _models.Add("a", 5, change: tensors => tensors.Remove("lm_head.weight"));
        using MergePlan otherInput = _models.Plan(Two);
        Assert.Equal(4, new[] { first, otherSeed, otherRecipe, otherInput }.Select(plan => plan.Fingerprint).Distinct().Count());
    }

    [Fact]
    public void Tensors_come_in_the_order_in_which_the_first_input_lies_on_disk()
    {
        using MergePlan plan = _models.Plan(Two);
        long[] offsets = [.. plan.Jobs.Select(job => job.Inputs[0].Range!.Value.Offset)];
        Assert.Equal(offsets.Order(), offsets);
    }

    [Fact]
    public void The_description_and_the_explanation_say_what_happens_and_why()
    {
        using MergePlan plan = _models.Plan(Two);
        string text = string.Join('\n', plan.Describe());
        Assert.Contains("9 tensors", text, StringComparison.Ordinal);
        Assert.Contains("9 merged by linear, 0 copied", text, StringComparison.Ordinal);
        Assert.Contains(plan.Explain("norm.weight"), line => line.Contains("weight[b] = 3 (model, ", StringComparison.Ordinal));
        Assert.Empty(plan.Explain("no such tensor"));
    }

    [Fact]
    public void Models_are_also_found_beside_the_recipe()
    {
        using MergePlan plan = _models.Plan(Two, new PlanOptions());
        Assert.NotEmpty(plan.Jobs);
    }

    [Fact]
    public void The_output_gets_config_card_recipe_and_side_files_of_the_base()
    {
        _models.Write("base", "tokenizer.json", "{}");
        _models.Write("a", "merges.txt", "x");
        using MergePlan plan = _models.Plan("# mine\nmerge_method: ties\nbase_model: base\nmodels: [{model: a, parameters: {weight: 1}}]\ndtype: bfloat16\n", _models.Options with { Title = "out" });
        Assert.Equal("tokenizer.json", Assert.Single(plan.CopiedFiles).Value);
        Assert.Equal("bfloat16", (string?)JsonNode.Parse(plan.WrittenFiles["config.json"])!["torch_dtype"]);
        Assert.StartsWith("# mine\n", plan.WrittenFiles["mergekit_config.yml"], StringComparison.Ordinal);
        string card = plan.WrittenFiles["README.md"];
        Assert.StartsWith("---\nlibrary_name: transformers\ntags:\n- merganser\n- mergekit\n- merge\n---\n\n# out\n", card, StringComparison.Ordinal);
        Assert.Contains("using `base` as a base", card, StringComparison.Ordinal);
        Assert.Contains("```yaml\n# mine\nmerge_method: ties\n", card, StringComparison.Ordinal);
        Assert.Contains("SHA-256 of the recipe", card, StringComparison.Ordinal);
    }

    public void Dispose() => _models.Dispose();

    private void AddLarge() => _models.Add("large", 5, change: tensors =>
    {
        SmallModels.Put(tensors, "model.embed_tokens.weight", DType.F32, 5, 8, 4);
        SmallModels.Put(tensors, "lm_head.weight", DType.F32, 5, 8, 4);
    }, config: json => json["vocab_size"] = 8);
}
