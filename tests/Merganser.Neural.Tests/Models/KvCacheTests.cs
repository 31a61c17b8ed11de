using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

public sealed class KvCacheTests
{
    [Fact]
    public void Entries_come_in_order_over_any_number_of_growths()
    {
        using DisposeScope scope = NewDisposeScope();
        using var cache = new KvCache(1);
        (Tensor keys, Tensor values) = Draw(2, 150);
        Tensor mask = arange(150, ScalarType.Int64).remainder(3).ne(0).unsqueeze(0);
        int start = 0;
        foreach (int added in (ReadOnlySpan<int>)[1, 62, 1, 1, 40, 45])
        {
            cache[0].Append(keys.narrow(2, start, added), values.narrow(2, start, added), Places(start, added), mask.narrow(1, start, added));
            start += added;
        }

        Assert.Equal(150, cache[0].Count);
        Same(keys, cache[0].Keys);
        Same(values, cache[0].Values);
        Same(Places(0, 150).expand(2, 150), cache[0].Positions);
        Same(mask.expand(2, 150), cache[0].Mask);
        Assert.Equal((keys.numel() + values.numel()) * 4, cache.Bytes);
    }

    [Fact]
    public void Cropping_and_appending_again_gives_the_same()
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = TinyModel.New("llama");
        Tensor ids = TinyModel.Ids(2, 9), others = TinyModel.Ids(2, 4, seed: 11);
        using var cache = new KvCache(model.Layers);
        model.Forward(ids.narrow(1, 0, 6), new CausalInput { Cache = cache });
        Tensor expected = model.Forward(ids.narrow(1, 6, 3), new CausalInput { Cache = cache }).Logits;
        cache.Crop(6);
        model.Forward(others, new CausalInput { Cache = cache });
        cache.Crop(6);
        Assert.Equal(6, cache.SeenTokens);
        Same(expected, model.Forward(ids.narrow(1, 6, 3), new CausalInput { Cache = cache }).Logits);
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Crop(10));
        cache.Crop(0);
        Assert.Equal(0, cache.Bytes);
        GoldenCase.Close(model.Forward(ids).Logits, model.Forward(ids, new CausalInput { Cache = cache }).Logits, 1e-6, "from the beginning");
    }

    [Fact]
    public void A_clone_is_independent()
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = TinyModel.New("gpt2");
        Tensor ids = TinyModel.Ids(1, 8), others = TinyModel.Ids(1, 3, seed: 12);
        using var cache = new KvCache(model.Layers);
        model.Forward(ids.narrow(1, 0, 5), new CausalInput { Cache = cache });
        using KvCache copy = cache.Clone();
        model.Forward(others, new CausalInput { Cache = copy });
        Assert.Equal((5, 8), (cache.SeenTokens, copy.SeenTokens));
        GoldenCase.Close(model.Forward(ids).Logits.narrow(1, 5, 3), model.Forward(ids.narrow(1, 5, 3), new CausalInput { Cache = cache }).Logits, 1e-5, "the original");
        GoldenCase.Close(
            model.Forward(cat([ids.narrow(1, 0, 5), others, ids.narrow(1, 0, 1)], 1)).Logits.narrow(1, 8, 1),
            model.Forward(ids.narrow(1, 0, 1), new CausalInput { Cache = copy }).Logits, 1e-5, "the copy");
    }

    [Fact]
    public void A_clone_of_an_empty_cache_is_an_empty_cache()
    {
        using var cache = new KvCache(2);
        using KvCache copy = cache.Clone();
        Assert.Equal((2, 0L, 0L), (copy.Layers, copy.SeenTokens, copy.Bytes));
    }

    [Fact]
    public void Rows_can_be_picked_repeated_and_dropped()
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = TinyModel.New("gpt_neox");
        Tensor ids = TinyModel.Ids(3, 6), rows = tensor([2L, 0, 2, 1]), next = TinyModel.Ids(4, 2, seed: 13);
        using var cache = new KvCache(model.Layers);
        model.Forward(ids, new CausalInput { Cache = cache });
        cache.SelectRows(rows);
        Tensor expected = model.Forward(cat([ids.index_select(0, rows), next], 1)).Logits.narrow(1, 6, 2);
        GoldenCase.Close(expected, model.Forward(next, new CausalInput { Cache = cache }).Logits, 1e-5, "picked rows");
    }

    [Fact]
    public void Gathering_keeps_entries_with_their_positions_and_masks()
    {
        using DisposeScope scope = NewDisposeScope();
        using var cache = new LayerCache();
        (Tensor keys, Tensor values) = Draw(2, 6);
        Tensor mask = tensor([true, true, false, true, true, false]).unsqueeze(0);
        cache.Append(keys, values, Places(10, 6), mask);
        cache.Gather(tensor([4L, 1, 2, 0, 5, 3], 2, 3)); // another choice in each row
        Assert.Equal([14L, 11, 12, 10, 15, 13], cache.Positions.data<long>().ToArray());
        Assert.Equal([true, true, false, true, false, true], cache.Mask.data<bool>().ToArray());
        Same(keys[1, .., 5], cache.Keys[1, .., 1]);
        Same(values[0, .., 4], cache.Values[0, .., 0]);

        // A choice per head: keys and values follow each, positions the first.
        cache.Gather(tensor([0L, 1, 2, 0, 1, 1, 2, 2], 2, 2, 2));
        Same(keys[0, 0, 4], cache.Keys[0, 0, 0]);
        Same(keys[0, 1, 2], cache.Keys[0, 1, 0]);
        Same(keys[1, 1, 3], cache.Keys[1, 1, 1]);
        Assert.Equal([14L, 11, 15, 15], cache.Positions.data<long>().ToArray());
    }

    [Theory]
    [MemberData(nameof(TinyModel.Families), MemberType = typeof(TinyModel))]
    public void A_dropped_entry_is_a_hidden_key(string family)
    {
        using DisposeScope scope = NewDisposeScope();
        using CausalLm model = TinyModel.New(family);
        Tensor ids = TinyModel.Ids(2, 8), next = TinyModel.Ids(2, 1, seed: 14);
        using var whole = new KvCache(model.Layers);
        model.Forward(ids, new CausalInput { Cache = whole });
        using KvCache cut = whole.Clone();
        Tensor kept = tensor([0L, 2, 3, 7]).unsqueeze(0).expand(2, 4);
        for (int layer = 0; layer < cut.Layers; layer++)
            cut[layer].Gather(kept);
        Assert.True(cut.Bytes * 2 == whole.Bytes);
        Assert.Equal(8, cut.SeenTokens);
        Tensor visible = full([1, 1, 1, 9], -1e30f);
        foreach (int place in (ReadOnlySpan<int>)[0, 2, 3, 7, 8])
            visible[0, 0, 0, place] = tensor(0f);
        Tensor expected = model.Forward(next, new CausalInput { Cache = whole, Visibility = visible }).Logits;
        GoldenCase.Close(expected, model.Forward(next, new CausalInput { Cache = cut }).Logits, 1e-5, "dropped entries");
    }

    private static (Tensor Keys, Tensor Values) Draw(long batch, long tokens)
    {
        using var generator = new Generator(4, CPU);
        return (randn([batch, 2, tokens, 4], generator: generator), randn([batch, 2, tokens, 3], generator: generator));
    }

    private static Tensor Places(long start, long count) => arange(start, start + count, ScalarType.Int64).unsqueeze(0);

    private static void Same(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(expected.equal(actual).all().ToBoolean());
    }
}
