using System.Collections.Immutable;
using Merganser.Checkpoints;

namespace Merganser.Tests.Checkpoints;

public sealed class ArchitectureCatalogTests
{
    private static readonly string[] Llama =
    [
        "model.embed_tokens.weight:7x3", "model.norm.weight:3", "model.layers.#.input_layernorm.weight:3", "model.layers.#.self_attn.q_proj.weight",
        "model.layers.#.self_attn.k_proj.weight", "model.layers.#.self_attn.v_proj.weight", "model.layers.#.self_attn.o_proj.weight",
        "model.layers.#.post_attention_layernorm.weight:3", "model.layers.#.mlp.gate_proj.weight", "model.layers.#.mlp.up_proj.weight",
        "model.layers.#.mlp.down_proj.weight",
    ];

    private static string Config(string architecture, string type, int layers, string more = "") =>
        $$"""{"architectures": ["{{architecture}}"], "model_type": "{{type}}", "num_hidden_layers": {{layers}}, "vocab_size": 7{{more}}}""";

    private static ModelFolder LlamaModel(int layers, params IEnumerable<string> more) =>
        MemoryTensor.Model(Config("LlamaForCausalLM", "llama", layers), MemoryTensor.Expand(layers, [.. Llama, .. more]));

    private static WeightDefinition Weight(Architecture architecture, string name) =>
        architecture.Modules.SelectMany(module => module.Pre.Concat(module.Layer).Concat(module.Post)).Single(weight => weight.Name == name);

    private static IEnumerable<string> Names(ImmutableArray<WeightDefinition> weights) => weights.Select(weight => weight.Name);

    [Fact]
    public void A_llama_has_one_module_in_the_order_of_the_tables()
    {
        using ModelFolder model = LlamaModel(3, "lm_head.weight:7x3");
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        ArchitectureModule module = Assert.Single(architecture.Modules);
        Assert.Equal("default", module.Name);
        Assert.Equal(["model.embed_tokens.weight"], Names(module.Pre));
        Assert.Equal(["model.norm.weight", "lm_head.weight"], Names(module.Post));
        Assert.Equal(9, module.Layer.Length);
        Assert.Equal("model.layers.${layer_index}.input_layernorm.weight", module.Layer[0].Name);
        Assert.Equal(3, architecture.LayerCount(model));
        Assert.Empty(architecture.Unplaced(model));
        Assert.True(Weight(architecture, "lm_head.weight").IsEmbedding);
        Assert.True(Weight(architecture, "model.embed_tokens.weight").IsEmbedding);
        Assert.False(Weight(architecture, "model.norm.weight").IsEmbedding);
    }

    [Fact]
    public void Without_a_head_anywhere_there_is_no_head_to_write()
    {
        using ModelFolder a = LlamaModel(2);
        using ModelFolder b = LlamaModel(2);
        Assert.DoesNotContain("lm_head.weight", Names(ArchitectureCatalog.Resolve([a, b]).Modules[0].Post));
    }

    [Fact]
    public void A_tied_model_beside_an_untied_one_lends_its_embedding()
    {
        using ModelFolder tied = LlamaModel(2);
        using ModelFolder untied = LlamaModel(2, "lm_head.weight:7x3");
        WeightDefinition head = Weight(ArchitectureCatalog.Resolve([tied, untied]), "lm_head.weight");
        Assert.True(head.Optional);
        Assert.Equal("model.embed_tokens.weight", head.Find(tied)!.Info.Name);
        Assert.Null(head.Find(tied, includeTied: false));
        Assert.Equal("lm_head.weight", head.Find(untied)!.Info.Name);
    }

    [Fact]
    public void A_weight_that_every_llama_needs_stays_required_when_a_model_lacks_it()
    {
        using ModelFolder whole = LlamaModel(2);
        using ModelFolder broken = MemoryTensor.Model(Config("LlamaForCausalLM", "llama", 2), MemoryTensor.Expand(2, Llama).Where(name => name != "model.layers.1.mlp.up_proj.weight"));
        WeightDefinition weight = Weight(ArchitectureCatalog.Resolve([whole, broken]), "model.layers.${layer_index}.mlp.up_proj.weight");
        Assert.False(weight.Optional);
        Assert.NotNull(weight.InLayer(0).Find(broken));
        Assert.Null(weight.InLayer(1).Find(broken));
    }

    [Fact]
    public void Biases_that_only_one_model_has_are_optional()
    {
        using ModelFolder plain = LlamaModel(2);
        using ModelFolder biased = LlamaModel(2, "model.layers.#.self_attn.q_proj.bias:2", "model.layers.#.extra.thing:2");
        Architecture architecture = ArchitectureCatalog.Resolve([plain, biased]);
        Assert.True(Weight(architecture, "model.layers.${layer_index}.self_attn.q_proj.bias").Optional);
        Assert.True(Weight(architecture, "model.layers.${layer_index}.extra.thing").Optional);
        Assert.False(Weight(architecture, "model.layers.${layer_index}.self_attn.q_proj.weight").Optional);
    }

    [Fact]
    public void The_first_number_of_a_name_is_the_layer()
    {
        string[] names = ["model.embed_tokens.weight:7x3", "model.norm.weight:3", "model.layers.#.input_layernorm.weight", "model.layers.#.self_attn.k_proj.weight",
            "model.layers.#.self_attn.o_proj.weight", "model.layers.#.post_attention_layernorm.weight", "model.layers.#.block_sparse_moe.gate.weight",
            "model.layers.#.block_sparse_moe.experts.5.w1.weight", "model.layers.#.block_sparse_moe.experts.0.w1.weight"];
        using ModelFolder model = MemoryTensor.Model(Config("MixtralForCausalLM", "mixtral", 4), MemoryTensor.Expand(4, names));
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        Assert.Equal(4, architecture.LayerCount(model));
        Assert.Equal("model.layers.3.block_sparse_moe.experts.5.w1.weight",
            Weight(architecture, "model.layers.${layer_index}.block_sparse_moe.experts.5.w1.weight").InLayer(3).Find(model)!.Info.Name);
        Assert.Empty(architecture.Unplaced(model));
    }

    [Theory]
    [InlineData("BertModel", "bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight")]
    [InlineData("BertModel", "embeddings.LayerNorm.beta", "embeddings.LayerNorm.bias")]
    [InlineData("BertModel", "bert.pooler.dense.weight", "pooler.dense.weight")]
    [InlineData("BertForMaskedLM", "embeddings.LayerNorm.gamma", "bert.embeddings.LayerNorm.weight")]
    [InlineData("BertForMaskedLM", "cls.predictions.transform.LayerNorm.beta", "cls.predictions.transform.LayerNorm.bias")]
    [InlineData("BertForTokenClassification", "encoder.layer.0.output.LayerNorm.gamma", "bert.encoder.layer.${layer_index}.output.LayerNorm.weight")]
    [InlineData("GPT2LMHeadModel", "wte.weight", "transformer.wte.weight")]
    [InlineData("GPT2Model", "transformer.h.0.ln_1.weight", "h.${layer_index}.ln_1.weight")]
    [InlineData("RobertaForSequenceClassification", "embeddings.word_embeddings.weight", "roberta.embeddings.word_embeddings.weight")]
    [InlineData("LlamaModel", "model.layers.0.mlp.up_proj.weight", "layers.${layer_index}.mlp.up_proj.weight")]
    public void Every_spelling_becomes_the_name_of_the_definition_and_is_found_again(string architecture, string stored, string expected)
    {
        string anchor = expected[..expected.IndexOf('.')] is var first && expected.Contains("layer_index") ? stored : $"{(stored.StartsWith("transformer") || expected.StartsWith("transformer") || first == "h" ? "h" : "encoder.layer")}.0.anchor.weight";
        using ModelFolder model = MemoryTensor.Model(Config(architecture, "any", 1), new[] { stored, anchor }.Distinct());
        WeightDefinition weight = Weight(ArchitectureCatalog.Resolve([model]), expected);
        Assert.Equal(stored, weight.InLayer(0).Find(model)!.Info.Name);
    }

    [Fact]
    public void An_unknown_single_stack_is_split_by_the_roles_of_its_names()
    {
        string[] names = ["net.token_embedding.weight:7x3", "net.pos.weight:5x3", "net.blocks.#.attn.weight", "net.blocks.#.norm.weight", "net.norm.weight:3", "lm_head.weight:7x3",
            "classifier.bias:2", "net.embeddings.norm.weight:3"];
        using ModelFolder model = MemoryTensor.Model(Config("HomemadeForCausalLM", "homemade", 2), MemoryTensor.Expand(2, names));
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        ArchitectureModule module = Assert.Single(architecture.Modules);
        Assert.Equal(["net.embeddings.norm.weight", "net.pos.weight", "net.token_embedding.weight"], Names(module.Pre));
        Assert.Equal(["classifier.bias", "lm_head.weight", "net.norm.weight"], Names(module.Post));
        Assert.Equal(["net.blocks.${layer_index}.attn.weight", "net.blocks.${layer_index}.norm.weight"], Names(module.Layer));
        Assert.True(Weight(architecture, "net.token_embedding.weight").IsEmbedding);
        Assert.False(Weight(architecture, "net.pos.weight").IsEmbedding);
        Assert.False(Weight(architecture, "lm_head.weight").Optional);
        Assert.Equal("num_hidden_layers", module.LayerCountKey);
    }

    [Fact]
    public void An_unknown_tied_head_falls_back_to_the_embedding()
    {
        string[] names = ["net.embed_tokens.weight:7x3", "net.blocks.#.w.weight", "lm_head.weight:7x3"];
        using ModelFolder model = MemoryTensor.Model(Config("HomemadeForCausalLM", "homemade", 2, ", \"tie_word_embeddings\": true"), MemoryTensor.Expand(2, names));
        Assert.Equal(["net.embed_tokens.weight"], Weight(ArchitectureCatalog.Resolve([model]), "lm_head.weight").TiedNames);
    }

    [Fact]
    public void Several_unknown_stacks_become_modules_and_a_rest()
    {
        string[] names = ["audio.encoder.blocks.#.w.weight", "audio.norm.weight:3", "text.stem.weight", "logit_bias:1"];
        using ModelFolder model = MemoryTensor.Model("""{"encoder_layers": 2}""",
            MemoryTensor.Expand(2, names).Concat(MemoryTensor.Expand(3, "text.blocks.#.w.weight")));
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        Assert.Equal(["audio", "text", "rest"], architecture.Modules.Select(module => module.Name));
        Assert.Equal(["audio.norm.weight"], Names(architecture.Modules[0].Post));
        Assert.Equal(["text.stem.weight"], Names(architecture.Modules[1].Pre));
        Assert.Equal(["logit_bias"], Names(architecture.Modules[2].Pre));
        Assert.Equal(2, architecture.Modules[0].LayerCount(model));
        Assert.Equal(3, architecture.Modules[1].LayerCount(model));
        Assert.Empty(architecture.Unplaced(model));
        Assert.Throws<ArgumentException>(() => architecture.LayerCount(model));
    }

    [Fact]
    public void Different_architectures_are_refused_unless_allowed()
    {
        using ModelFolder llama = LlamaModel(2);
        using ModelFolder mistral = MemoryTensor.Model(Config("MistralForCausalLM", "mistral", 2), MemoryTensor.Expand(2, Llama));
        MerganserException refused = Assert.Throws<MerganserException>(() => ArchitectureCatalog.Resolve([llama, mistral]));
        Assert.Contains("MistralForCausalLM", refused.Message);
        Assert.Equal("LlamaForCausalLM", ArchitectureCatalog.Resolve([llama, mistral], allowMixed: true).Name);
        Assert.Equal("LlamaForCausalLM", ArchitectureCatalog.Resolve([llama, mistral], names: [null, "LlamaForCausalLM"]).Name);
    }

    [Fact]
    public void An_earlier_spelling_of_an_architecture_is_the_same_architecture()
    {
        using ModelFolder llama = LlamaModel(2);
        using ModelFolder early = MemoryTensor.Model(Config("LLaMaForCausalLM", "llama", 2), MemoryTensor.Expand(2, Llama));
        Assert.Equal("LlamaForCausalLM", ArchitectureCatalog.Resolve([llama, early]).Name);
    }

    [Fact]
    public void A_configuration_that_promises_missing_layers_is_refused()
    {
        using ModelFolder model = MemoryTensor.Model(Config("LlamaForCausalLM", "llama", 5), MemoryTensor.Expand(3, Llama));
        MerganserException refused = Assert.Throws<MerganserException>(() => ArchitectureCatalog.Resolve([model]).LayerCount(model));
        Assert.Contains("num_hidden_layers = 5", refused.Message);
        Assert.Contains("3 layers", refused.Message);
    }

    [Fact]
    public void Layers_beyond_the_configured_number_are_reported_as_unplaced()
    {
        using ModelFolder model = MemoryTensor.Model(Config("LlamaForCausalLM", "llama", 2), MemoryTensor.Expand(3, Llama));
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        Assert.Equal(2, architecture.LayerCount(model));
        Assert.Equal(9, architecture.Unplaced(model).Count);
    }

    [Fact]
    public void Without_a_configuration_the_names_are_counted()
    {
        using ModelFolder model = MemoryTensor.Model("{}", MemoryTensor.Expand(3, Llama));
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        Assert.Equal("unknown", architecture.Name);
        Assert.Equal(3, architecture.LayerCount(model));
    }

    [Fact]
    public void A_number_too_big_for_a_layer_is_part_of_a_name()
    {
        using ModelFolder model = MemoryTensor.Model("{}", "model.layers.0.w", "model.layers.2000000000.w", "model.layers.99999999999999999999.w", "model.layers.007.w");
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        Assert.Equal(1, architecture.LayerCount(model));
        Assert.Equal(3, architecture.Modules[0].Pre.Length);
    }

    [Fact]
    public void Several_names_of_architectures_are_refused()
    {
        using ModelFolder model = MemoryTensor.Model("""{"architectures": ["A", "B"]}""", "w");
        Assert.Throws<MerganserException>(() => ArchitectureCatalog.Resolve([model]));
    }

    [Fact]
    public void The_tables_name_no_architecture_twice() =>
        Assert.Empty(ArchitectureCatalog.KnownNames.GroupBy(name => name).Where(group => group.Count() > 1).Select(group => group.Key));
}
