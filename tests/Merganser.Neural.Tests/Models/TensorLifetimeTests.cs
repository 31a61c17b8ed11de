using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>No pass leaves native tensors behind. The counts are the thread's own and go up with every tensor made, down with every one disposed.</summary>
public sealed class TensorLifetimeTests
{
    private const int Passes = 1000;

    private static long Alive => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

    [Theory]
    [MemberData(nameof(TinyModel.Families), MemberType = typeof(TinyModel))]
    public void A_thousand_passes_leave_no_tensor(string family)
    {
        using CausalLm model = TinyModel.New(family);
        long empty = Alive;
        using Tensor ids = TinyModel.Ids(2, 5);
        long before = Alive;
        Assert.Equal(empty + 1, before);
        for (int pass = 0; pass < Passes; pass++)
            model.Forward(ids).Logits.Dispose();
        Assert.Equal(before, Alive);
    }

    [Theory]
    [MemberData(nameof(TinyModel.Families), MemberType = typeof(TinyModel))]
    public void A_thousand_steps_with_a_cache_leave_only_the_cache(string family)
    {
        string positions = family == "gpt2" ? "n_positions" : "max_position_embeddings";
        using CausalLm model = TinyModel.New(family, null, (positions, Passes));
        using Tensor ids = TinyModel.Ids(1, 1);
        long before = Alive;
        using (var cache = new KvCache(model.Layers))
        {
            model.Forward(ids, new CausalInput { Cache = cache }).Logits.Dispose();
            long withCache = Alive;
            for (int pass = 1; pass < Passes; pass++)
                model.Forward(ids, new CausalInput { Cache = cache, LastLogitsOnly = true }).Logits.Dispose();
            Assert.Equal(Passes, cache.SeenTokens);
            Assert.Equal(withCache, Alive);
        }

        Assert.Equal(before, Alive);
    }

    [Theory]
    [MemberData(nameof(TinyModel.Families), MemberType = typeof(TinyModel))]
    public void What_was_asked_for_is_all_that_lives_on(string family)
    {
        using CausalLm model = TinyModel.New(family);
        using Tensor ids = TinyModel.Ids(2, 5);
        using Tensor mask = ones_like(ids);
        long before = Alive;
        for (int pass = 0; pass < 20; pass++)
        {
            CausalOutput output = model.Forward(ids, new CausalInput
            {
                Mask = mask,
                HiddenStates = true,
                Attention = AttentionWish.Probabilities | AttentionWish.LogSumExp | AttentionWish.Keys,
            });
            Assert.Equal(before + 1 + model.Layers + 1 + (4 * model.Layers), Alive);
            Dispose(output);
        }

        Assert.Equal(before, Alive);
    }

    [Fact]
    public void A_pass_with_gradients_leaves_no_tensor()
    {
        using CausalLm model = TinyModel.New("llama", new ModelOptions { Trainable = true });
        using Tensor ids = TinyModel.Ids(2, 5);
        long before = Alive;
        for (int pass = 0; pass < 20; pass++)
        {
            using DisposeScope scope = NewDisposeScope();
            model.Forward(ids).Logits.square().mean().backward();
        }

        Assert.Equal(before, Alive);
        using DisposeScope last = NewDisposeScope();
        Assert.All(model.Parameters.All, parameter => Assert.True(parameter.Value.grad!.abs().sum().ToSingle() > 0, parameter.Name));
    }

    [Fact]
    public void Loading_and_disposing_leaves_no_tensor()
    {
        using var folder = new Merganser.Tests.TempFolder();
        long before = Alive;
        using (CausalLm model = TinyModel.New("gpt_neox"))
            model.Save(folder["out"]);
        PretrainedModel.Load(folder["out"]).Dispose();
        Assert.Equal(before, Alive);
    }

    private static void Dispose(CausalOutput output)
    {
        output.Logits.Dispose();
        foreach (Tensor state in output.HiddenStates)
            state.Dispose();
        foreach (AttentionOutput attention in output.Attentions)
        {
            attention.Output.Dispose();
            attention.Probabilities!.Dispose();
            attention.LogSumExp!.Dispose();
            attention.Keys!.Dispose();
        }
    }
}
