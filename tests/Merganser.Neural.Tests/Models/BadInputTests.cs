using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>Folders that cannot be used give one line that names the file and what is wrong in it.</summary>
public sealed class BadInputTests
{
    [Fact]
    public void A_wrong_shape_names_the_tensor_and_both_shapes() => Fails(
        "llama",
        folder => TinyModel.EditWeights(folder, tensors =>
        {
            tensors.Remove("model.layers.1.mlp.up_proj.weight");
            TinyModel.Add(tensors, "model.layers.1.mlp.up_proj.weight", DType.F32, 24, 17);
        }),
        "model.layers.1.mlp.up_proj.weight", "[24, 17]", "[24, 16]");

    [Fact]
    public void A_truncated_shard_is_named() => Fails(
        "gpt_neox",
        folder =>
        {
            using FileStream shard = File.OpenWrite(Directory.GetFiles(folder, "model-00002-of-*.safetensors").Single());
            shard.SetLength(shard.Length - 8);
        },
        "model-00002-of-");

    [Fact]
    public void A_shard_that_is_not_there_is_named() => Fails(
        "gpt_neox",
        folder => File.Delete(Directory.GetFiles(folder, "model-00002-of-*.safetensors").Single()),
        "model-00002-of-");

    [Fact]
    public void An_unknown_architecture_is_named_with_those_that_are_known() => Fails(
        "llama",
        folder => TinyModel.EditConfig(folder, config => config["architectures"] = new JsonArray("MammothForCausalLM")),
        "config.json", "MammothForCausalLM", "LlamaForCausalLM");

    [Fact]
    public void A_configuration_without_an_architecture_says_so() => Fails(
        "llama",
        folder => TinyModel.EditConfig(folder, config =>
        {
            config.Remove("architectures");
            config.Remove("model_type");
        }),
        "config.json", "architectures");

    [Fact]
    public void Missing_tensors_are_listed() => Fails(
        "gpt2",
        folder => TinyModel.EditWeights(folder, tensors =>
        {
            tensors.Remove("transformer.h.0.ln_1.bias");
            tensors.Remove("transformer.ln_f.weight");
        }),
        "missing: transformer.h.0.ln_1.bias, transformer.ln_f.weight");

    [Fact]
    public void Unexpected_tensors_are_listed() => Fails(
        "gpt2",
        folder => TinyModel.EditWeights(folder, tensors =>
        {
            TinyModel.Add(tensors, "transformer.h.2.ln_1.bias", DType.F32, 16);
            TinyModel.Add(tensors, "transformer.h.0.attn.c_attn.lora_A", DType.F32, 4, 4);
        }),
        "not expected: transformer.h.0.attn.c_attn.lora_A, transformer.h.2.ln_1.bias");

    [Fact]
    public void Long_lists_are_cut() => Fails("gpt2", folder => TinyModel.EditWeights(folder, tensors => tensors.Clear()), "missing: ", " more");

    [Fact]
    public void A_parameter_of_integers_is_refused() => Fails(
        "gpt_neox",
        folder => TinyModel.EditWeights(folder, tensors =>
        {
            tensors.Remove("gpt_neox.final_layer_norm.weight");
            TinyModel.Add(tensors, "gpt_neox.final_layer_norm.weight", DType.I32, 16);
        }),
        "gpt_neox.final_layer_norm.weight", "I32");

    [Fact]
    public void One_parameter_under_two_names_is_refused() => Fails(
        "gpt2",
        folder => TinyModel.EditWeights(folder, tensors => TinyModel.Add(tensors, "wte.weight", DType.F32, 31, 16)),
        "wte.weight", "transformer.wte.weight");

    [Theory]
    [InlineData("llama", "hidden_size", "\"16\"")]
    [InlineData("llama", "hidden_size", "16.5")]
    [InlineData("llama", "hidden_size", "-16")]
    [InlineData("llama", "hidden_size", "99999999999")]
    [InlineData("llama", "hidden_size", "null")]
    [InlineData("llama", "num_attention_heads", "0")]
    [InlineData("llama", "num_key_value_heads", "3")]
    [InlineData("llama", "rms_norm_eps", "true")]
    [InlineData("llama", "tie_word_embeddings", "1")]
    [InlineData("llama", "hidden_act", "\"gelu_13\"")]
    [InlineData("llama", "hidden_act", "[1]")]
    [InlineData("llama", "rope_scaling", "\"linear\"")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"spiral\"}")]
    [InlineData("llama", "rope_theta", "-1")]
    [InlineData("llama", "architectures", "\"LlamaForCausalLM\"")]
    [InlineData("llama", "architectures", "[7]")]
    [InlineData("gpt2", "n_head", "3")]
    [InlineData("gpt2", "n_inner", "\"wide\"")]
    [InlineData("gpt2", "n_positions", "false")]
    [InlineData("gpt2", "layer_norm_epsilon", "[]")]
    [InlineData("gpt2", "scale_attn_weights", "\"yes\"")]
    [InlineData("gpt2", "add_cross_attention", "true")]
    [InlineData("gpt_neox", "rotary_pct", "\"half\"")]
    [InlineData("gpt_neox", "num_attention_heads", "5")]
    [InlineData("gpt_neox", "use_parallel_residual", "{}")]
    [InlineData("gpt_neox", "attention_bias", "0")]
    public void A_value_that_cannot_be_used_names_its_key(string family, string key, string value)
    {
        string named = (family, key) switch
        {
            ("gpt2", "n_head") => "n_embd",
            ("gpt_neox", "num_attention_heads") => "hidden_size",
            _ => key,
        };
        Fails(family, folder => TinyModel.EditConfig(folder, config => config[key] = JsonNode.Parse(value)), "config.json", $"'{named}'");
    }

    [Fact]
    public void A_rotary_part_of_odd_width_is_refused() =>
        Fails("gpt_neox", folder => TinyModel.EditConfig(folder, config => config["rotary_pct"] = 0.4), "rotary width of 3");

    [Fact]
    public void A_sequence_longer_than_the_learned_positions_is_refused_with_and_without_a_cache()
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = TinyModel.New("gpt2");
        model.Forward(TinyModel.Ids(1, 32));
        MerganserException error = Assert.Throws<MerganserException>(() => model.Forward(TinyModel.Ids(1, 33)));
        OneLine(error, "'n_positions' is 32", "33");
        using var cache = new KvCache(model.Layers);
        model.Forward(TinyModel.Ids(1, 32), new CausalInput { Cache = cache });
        OneLine(Assert.Throws<MerganserException>(() => model.Forward(TinyModel.Ids(1, 1), new CausalInput { Cache = cache })), "33");
        Assert.Equal(32, cache.SeenTokens);
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("gpt_neox")]
    public void Rotary_positions_run_beyond_the_context(string family)
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = TinyModel.New(family);
        Assert.False(model.Forward(TinyModel.Ids(1, 40)).Logits.isnan().any().ToBoolean());
    }

    [Fact]
    public void Inputs_that_do_not_fit_the_ids_are_misuse()
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = TinyModel.New("llama");
        Tensor ids = TinyModel.Ids(2, 5);
        Assert.Throws<ArgumentException>(() => model.Forward(ids.select(0, 0)));
        Assert.Throws<ArgumentException>(() => model.Forward(ids, new CausalInput { Mask = ones(2, 4) }));
        Assert.Throws<ArgumentException>(() => model.Forward(ids, new CausalInput { Mask = ones(3, 5) }));
        Assert.Throws<ArgumentException>(() => model.Forward(ids, new CausalInput { Positions = arange(4, ScalarType.Int64).unsqueeze(0) }));
    }

    [Fact]
    public void A_folder_of_another_kind_of_model_is_refused()
    {
        using var folder = new TempFolder();
        using (CausalLm model = TinyModel.New("gpt2"))
            model.Save(folder["out"]);
        OneLine(Assert.Throws<MerganserException>(() => PretrainedModel.Load<LlamaModel>(folder["out"])), folder["out"], "Gpt2Model", "LlamaModel");
    }

    private static void Fails(string family, Action<string> change, params string[] words)
    {
        using var folder = new TempFolder();
        using (CausalLm model = TinyModel.New(family))
            model.Save(folder["out"], new SaveOptions { MaxShardBytes = family == "gpt_neox" && words[0].StartsWith("model-", StringComparison.Ordinal) ? 4096 : 0 });
        PretrainedModel.Load(folder["out"]).Dispose();
        change(folder["out"]);
        OneLine(Assert.Throws<MerganserException>(() => PretrainedModel.Load(folder["out"])), words);
    }

    private static void OneLine(MerganserException error, params string[] words)
    {
        Assert.DoesNotContain('\n', error.Message);
        Assert.All(words, word => Assert.Contains(word, error.Message, StringComparison.Ordinal));
    }
}
