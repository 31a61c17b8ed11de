using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>Files of other ages: names without the prefix, buffers that are computed today, stored copies of tied tensors.</summary>
public sealed class NamingGenerationTests
{
    [Fact]
    public void The_first_files_of_Gpt2_load() => SameAfter("gpt2", tensors =>
    {
        foreach (string name in tensors.Keys.ToArray())
            TinyModel.Rename(tensors, name, name["transformer.".Length..]);
        for (int layer = 0; layer < 2; layer++)
        {
            TinyModel.Add(tensors, $"h.{layer}.attn.bias", DType.U8, 1, 1, 32, 32);
            TinyModel.Add(tensors, $"h.{layer}.attn.masked_bias", DType.F32);
        }
    }, leftOut: 4);

    [Fact]
    public void Files_of_Gpt2_with_the_prefix_may_have_buffers_and_a_copy_of_the_head() => SameAfter("gpt2", tensors =>
    {
        (TensorInfo info, byte[] bytes) = tensors["transformer.wte.weight"];
        tensors.Add("lm_head.weight", (info with { Name = "lm_head.weight" }, bytes));
        TinyModel.Add(tensors, "transformer.h.1.attn.bias", DType.Bool, 1, 1, 32, 32);
    }, leftOut: 2);

    [Fact]
    public void Files_of_Pythia_have_masks_and_frequencies() => SameAfter("gpt_neox", tensors =>
    {
        for (int layer = 0; layer < 2; layer++)
        {
            string attention = $"gpt_neox.layers.{layer}.attention";
            TinyModel.Add(tensors, $"{attention}.bias", DType.U8, 1, 1, 32, 32);
            TinyModel.Add(tensors, $"{attention}.masked_bias", DType.F32);
            TinyModel.Add(tensors, $"{attention}.rotary_emb.inv_freq", DType.F16, 2);
        }
    }, leftOut: 6);

    [Fact]
    public void The_trunk_of_Pythia_loads_without_its_prefix() => SameAfter("gpt_neox", tensors =>
    {
        foreach (string name in tensors.Keys.Where(name => name != "embed_out.weight").ToArray())
            TinyModel.Rename(tensors, name, name["gpt_neox.".Length..]);
    });

    [Fact]
    public void Files_of_Llama_have_frequencies() => SameAfter("llama", tensors => TinyModel.Add(tensors, "model.layers.0.self_attn.rotary_emb.inv_freq", DType.F32, 2), leftOut: 1);

    [Fact]
    public void A_bias_of_the_output_is_no_buffer()
    {
        using var folder = new TempFolder();
        using (CausalLm model = TinyModel.New("gpt_neox"))
            model.Save(folder["out"]);
        TinyModel.EditWeights(folder["out"], tensors => tensors.Remove("gpt_neox.layers.0.attention.dense.bias"));
        Assert.Contains("attention.dense.bias", Assert.Throws<MerganserException>(() => PretrainedModel.Load(folder["out"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_head_that_is_not_in_the_file_is_the_embedding()
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TempFolder();
        using (CausalLm model = TinyModel.New("gpt_neox"))
            model.Save(folder["out"]);
        TinyModel.EditWeights(folder["out"], tensors => tensors.Remove("embed_out.weight"));
        using PretrainedModel loaded = PretrainedModel.Load(folder["out"]);
        Assert.True(loaded.Parameters["embed_out.weight"].IsTied);
        Assert.True(loaded.Parameters["embed_out.weight"].Value.equal(loaded.Parameters["gpt_neox.embed_in.weight"].Value).all().ToBoolean());
    }

    private static void SameAfter(string family, Action<Dictionary<string, (TensorInfo Info, byte[] Bytes)>> change, int leftOut = 0)
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TempFolder();
        using CausalLm model = TinyModel.New(family);
        model.Save(folder["out"]);
        TinyModel.EditWeights(folder["out"], change);
        var notes = new List<string>();
        using var loaded = PretrainedModel.Load<CausalLm>(folder["out"], new ModelOptions { Note = notes.Add });
        Assert.Equal(leftOut, notes.Count);
        Tensor ids = TinyModel.Ids(2, 6);
        Assert.True(model.Forward(ids).Logits.equal(loaded.Forward(ids).Logits).all().ToBoolean());
    }
}
