using Merganser.Neural.Models;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>
/// What must hold for every decoder, on all folders of decoders. Sequences stay inside the context, where scalings that depend on the
/// length do not change their table between steps.
/// </summary>
public sealed class CausalInvariantGoldenTests
{
    private const int Longest = 12;

    public static TheoryData<string> Folders => CausalGoldenTests.Folders;

    [Theory]
    [MemberData(nameof(Folders))]
    public void Decoding_with_a_cache_is_the_full_pass(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = Load(name);
        Tensor ids = Ids(model, 2);
        Tensor whole = model.Forward(ids).Logits;
        foreach (int[] steps in (int[][])[[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [5, 1, 1, 4, 1], [7, 5]])
        {
            using var cache = new KvCache(model.Layers);
            int start = 0;
            foreach (int count in steps)
            {
                Tensor logits = model.Forward(ids.narrow(1, start, count), new CausalInput { Cache = cache }).Logits;
                GoldenCase.Close(whole.narrow(1, start, count), logits, 1e-4, $"steps of {string.Join(", ", steps)} at {start}");
                start += count;
            }

            Assert.Equal(Longest, start);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Padding_on_the_right_changes_nothing(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = Load(name);
        Tensor ids = Ids(model, 1), alone = model.Forward(ids.narrow(1, 0, 8)).Logits;
        Tensor mask = arange(Longest, ScalarType.Int64).lt(8).unsqueeze(0);
        GoldenCase.Close(alone, model.Forward(ids, new CausalInput { Mask = mask }).Logits.narrow(1, 0, 8), 1e-5, "padded");
        GoldenCase.Close(alone, model.Forward(ids, new CausalInput { Mask = mask.to(ScalarType.Int64) }).Logits.narrow(1, 0, 8), 1e-5, "padded, mask of integers");
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Rows_of_a_batch_are_independent(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = Load(name);
        Tensor ids = Ids(model, 3), together = model.Forward(ids).Logits;
        for (int row = 0; row < 3; row++)
            GoldenCase.Close(model.Forward(ids.narrow(0, row, 1)).Logits, together.narrow(0, row, 1), 1e-5, $"row {row}");
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Padding_on_the_left_with_its_own_positions_changes_nothing_with_and_without_a_cache(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = Load(name);
        Tensor ids = Ids(model, 2), mask = ones_like(ids);
        const int Pads = 4, Prompt = 9;
        mask[1, ..Pads] = tensor(0L);
        Tensor positions = mask.cumsum(1) - 1;
        Tensor full = model.Forward(ids.narrow(0, 0, 1)).Logits, shorter = model.Forward(ids.narrow(0, 1, 1).narrow(1, Pads, Longest - Pads)).Logits;
        Tensor padded = model.Forward(ids, new CausalInput { Mask = mask, Positions = positions }).Logits;
        GoldenCase.Close(full, padded.narrow(0, 0, 1), 1e-5, "the row without pads");
        GoldenCase.Close(shorter, padded.narrow(0, 1, 1).narrow(1, Pads, Longest - Pads), 1e-5, "the row with pads");

        using var cache = new KvCache(model.Layers);
        for ((int start, int count) = (0, Prompt); start < Longest; (start, count) = (start + count, 1))
        {
            var input = new CausalInput { Cache = cache, Mask = mask.narrow(1, start, count), Positions = positions.narrow(1, start, count), LastLogitsOnly = true };
            Tensor last = model.Forward(ids.narrow(1, start, count), input).Logits;
            GoldenCase.Close(full.narrow(1, start + count - 1, 1), last.narrow(0, 0, 1), 1e-4, "the row without pads, cached");
            GoldenCase.Close(shorter.narrow(1, start + count - 1 - Pads, 1), last.narrow(0, 1, 1), 1e-4, "the row with pads, cached");
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Layers_can_be_run_in_parts_and_with_statistics(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = Load(name);
        Tensor ids = Ids(model, 2), expected = model.Forward(ids).Logits;
        CausalState state = CausalState.Of(ids, new CausalInput());
        Tensor hidden = model.RunLayers(0, 1, model.Embed(ids, state.Positions), state);
        hidden = model.RunLayers(1, model.Layers, hidden, state);
        GoldenCase.Close(expected, model.Head(model.Finish(hidden)), 1e-6, "in parts");

        CausalOutput open = model.Forward(ids, new CausalInput { Attention = AttentionWish.Probabilities | AttentionWish.LogSumExp });
        GoldenCase.Close(expected, open.Logits, 1e-5, "with statistics");
        Assert.Equal(model.Layers, open.Attentions.Count);
        foreach (AttentionOutput attention in open.Attentions)
            GoldenCase.Close(ones_like(attention.LogSumExp!), attention.Probabilities!.sum(-1), 1e-5, "probabilities");
    }

    private static CausalLm Load(string name) => PretrainedModel.Load<CausalLm>(Golden.Folder("models", name));

    private static Tensor Ids(CausalLm model, long rows)
    {
        Assert.True(model.MaxPositions >= Longest, "the context is too short for this check");
        return TinyModel.Ids(rows, Longest, seed: 21, vocabulary: model.VocabularySize);
    }
}
