using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

public sealed class SavingTests
{
    [Theory]
    [InlineData(DType.BF16, ScalarType.BFloat16, "bfloat16")]
    [InlineData(DType.F16, ScalarType.Float16, "float16")]
    [InlineData(DType.F64, ScalarType.Float64, "float64")]
    public void Another_type_is_rounded_once_and_named_in_the_configuration(DType type, ScalarType rounded, string word)
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TempFolder();
        using CausalLm model = TinyModel.New("llama");
        model.Save(folder["out"], new SaveOptions { DType = type });
        Assert.All(TinyModel.Read(folder["out"]).Values, tensor => Assert.Equal(type, tensor.Info.DType));
        using PretrainedModel loaded = PretrainedModel.Load(folder["out"]);
        foreach (ModelParameter parameter in model.Parameters.All)
            Assert.True(parameter.Value.to(rounded).to(ScalarType.Float32).equal(loaded.Parameters[parameter.Name].Value).all().ToBoolean(), parameter.Name);
        Assert.Equal(word, loaded.Config.Text("torch_dtype", ""));
    }

    [Fact]
    public void Eight_bit_floats_are_written_by_the_casts_of_the_checkpoint_room()
    {
        using var folder = new TempFolder();
        using CausalLm model = TinyModel.New("gpt2");
        model.Save(folder["out"], new SaveOptions { DType = DType.F8E4M3 });
        (TensorInfo info, byte[] bytes) = TinyModel.Read(folder["out"])["transformer.wte.weight"];
        byte[] expected = new byte[info.ByteCount];
        TensorCast.FromSingle(model.Parameters["transformer.wte.weight"].Value.data<float>().ToArray(), DType.F8E4M3, expected);
        Assert.Equal(expected, bytes);
    }

    [Fact]
    public void Integers_are_no_type_for_parameters()
    {
        using var folder = new TempFolder();
        using CausalLm model = TinyModel.New("gpt2");
        Assert.Throws<ArgumentException>(() => model.Save(folder["out"], new SaveOptions { DType = DType.I32 }));
        Assert.False(Directory.Exists(folder["out"]));
    }

    [Fact]
    public void Shards_have_an_index_and_load_as_one()
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TempFolder();
        using CausalLm model = TinyModel.New("gpt_neox");
        model.Save(folder["out"], new SaveOptions { MaxShardBytes = 4096 });
        Assert.True(Directory.GetFiles(folder["out"], "model-*-of-*.safetensors").Length > 1);
        Assert.True(File.Exists(Path.Join(folder["out"], "model.safetensors.index.json")));
        using PretrainedModel loaded = PretrainedModel.Load(folder["out"]);
        Assert.All(model.Parameters.All, parameter => Assert.True(parameter.Value.equal(loaded.Parameters[parameter.Name].Value).all().ToBoolean(), parameter.Name));
    }

    [Fact]
    public void A_tied_head_is_left_out_only_where_the_configuration_says_that_it_is_tied()
    {
        using var folder = new TempFolder();
        using (CausalLm tied = TinyModel.New("llama", null, ("tie_word_embeddings", true)))
            tied.Save(folder["tied"]);
        Assert.DoesNotContain("lm_head.weight", TinyModel.Read(folder["tied"]).Keys);

        // The same numbers, but other readers of this configuration would draw a new head if the file had none.
        TinyModel.EditConfig(folder["tied"], config => config["tie_word_embeddings"] = false);
        using (PretrainedModel untied = PretrainedModel.Load(folder["tied"]))
            untied.Save(folder["untied"]);
        Dictionary<string, (TensorInfo Info, byte[] Bytes)> saved = TinyModel.Read(folder["untied"]);
        Assert.Equal(saved["model.embed_tokens.weight"].Bytes, saved["lm_head.weight"].Bytes);
    }

    [Fact]
    public void A_head_that_differs_is_kept_although_the_configuration_says_tied()
    {
        using var folder = new TempFolder();
        using (CausalLm untied = TinyModel.New("llama"))
            untied.Save(folder["first"]);
        TinyModel.EditConfig(folder["first"], config => config["tie_word_embeddings"] = true);
        using (PretrainedModel loaded = PretrainedModel.Load(folder["first"]))
            loaded.Save(folder["second"]);
        Assert.Equal(TinyModel.Read(folder["first"])["lm_head.weight"].Bytes, TinyModel.Read(folder["second"])["lm_head.weight"].Bytes);
    }

    [Fact]
    public void Side_files_come_along_and_unknown_keys_stay()
    {
        using var folder = new TempFolder();
        using (CausalLm model = TinyModel.New("gpt2"))
            model.Save(folder["first"]);
        File.WriteAllText(Path.Join(folder["first"], "tokenizer.json"), "{\"version\": \"1.0\"}");
        File.WriteAllText(Path.Join(folder["first"], "generation_config.json"), "{}");
        TinyModel.EditConfig(folder["first"], config => config["note"] = "Gänsesäger");
        using (PretrainedModel loaded = PretrainedModel.Load(folder["first"]))
        {
            Assert.Equal(folder["first"], loaded.Source);
            loaded.Save(folder["second"]);
        }

        Assert.Equal("{\"version\": \"1.0\"}", File.ReadAllText(Path.Join(folder["second"], "tokenizer.json")));
        Assert.True(File.Exists(Path.Join(folder["second"], "generation_config.json")));
        Assert.Contains("Gänsesäger", File.ReadAllText(Path.Join(folder["second"], "config.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void An_existing_folder_is_replaced_only_when_asked_even_the_source_itself()
    {
        using var folder = new TempFolder();
        using (CausalLm model = TinyModel.New("gpt2"))
            model.Save(folder["out"]);
        File.WriteAllText(Path.Join(folder["out"], "tokenizer.json"), "{}");
        using PretrainedModel loaded = PretrainedModel.Load(folder["out"]);
        MerganserException error = Assert.Throws<MerganserException>(() => loaded.Save(folder["out"]));
        Assert.Contains("exists", error.Message, StringComparison.Ordinal);
        loaded.Save(folder["out"], new SaveOptions { Overwrite = true, DType = DType.BF16 });
        Assert.Equal(DType.BF16, TinyModel.Read(folder["out"])["transformer.wte.weight"].Info.DType);
        Assert.Equal("{}", File.ReadAllText(Path.Join(folder["out"], "tokenizer.json")));
        Assert.Single(Directory.GetDirectories(folder.Path));
    }

    [Fact]
    public void A_failure_leaves_nothing_behind()
    {
        using var folder = new TempFolder();
        using (CausalLm model = TinyModel.New("gpt2"))
            model.Save(folder["first"]);
        string tokenizer = Path.Join(folder["first"], "tokenizer.json");
        File.WriteAllText(tokenizer, "{}");
        using PretrainedModel loaded = PretrainedModel.Load(folder["first"]);
        File.Delete(tokenizer);
        Assert.Throws<MerganserException>(() => loaded.Save(folder["second"]));
        Assert.Equal([folder["first"]], Directory.GetDirectories(folder.Path));
    }

    [Fact]
    public void The_configuration_can_be_changed_before_saving()
    {
        using var folder = new TempFolder();
        using CausalLm model = TinyModel.New("gpt2");
        model.Config.Document["bos_token_id"] = JsonValue.Create(5);
        model.Save(folder["out"]);
        using PretrainedModel loaded = PretrainedModel.Load(folder["out"]);
        Assert.Equal(5, loaded.Config.Int("bos_token_id", 0));
    }
}
