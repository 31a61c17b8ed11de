using Merganser.Neural.Decoding;
using Merganser.Neural.Decoding.Cpu;
using Merganser.Neural.Models;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Decoding;

public sealed class LlamaDecoderTests
{
    private static readonly int[] Short = [3, 1, 4];

    [Theory]
    [InlineData("silu")]
    [InlineData("gelu")]
    [InlineData("gelu_pytorch_tanh")]
    [InlineData("quick_gelu")]
    [InlineData("relu")]
    [InlineData("tanh")]
    public void Hundreds_of_tokens_agree_with_the_model_for_every_activation(string activation)
    {
        using var scope = NewDisposeScope();
        using LlamaModel model = DecoderCases.Medium($", \"hidden_act\": \"{activation}\", \"attention_bias\": true, \"mlp_bias\": true");
        foreach (ModelParameter bias in model.Parameters.All.Where(parameter => parameter.Name.EndsWith(".bias", StringComparison.Ordinal)))
            model.Parameters.Set(bias, arange(bias.Shape[0], dtype: ScalarType.Float32).sin().mul(0.2));
        using var decoder = new LlamaDecoder(model, new DecoderOptions { Threads = 2 });
        DecoderCases.StepsAgree(model, decoder, DecoderCases.Ids(300, model.VocabularySize), 1e-4);
    }

    [Fact]
    public void Results_do_not_depend_on_the_number_of_threads()
    {
        using LlamaModel model = DecoderCases.Medium();
        int[] ids = DecoderCases.Ids(80, model.VocabularySize);
        foreach (WeightFormat format in Enum.GetValues<WeightFormat>())
        {
            float[]? first = null;
            for (int threads = 1; threads <= 4; threads++)
            {
                using var decoder = new LlamaDecoder(model, new DecoderOptions { Threads = threads, Weights = format, PrefillFrom = int.MaxValue });
                float[] logits = decoder.Prefill(ids).ToArray();
                Assert.Equal(first ??= logits, logits);
            }
        }
    }

    [Theory]
    [InlineData(WeightFormat.Float32)]
    [InlineData(WeightFormat.BFloat16)]
    public void A_long_prompt_and_a_later_one_go_through_the_model_and_give_the_same(WeightFormat format)
    {
        using LlamaModel model = DecoderCases.Medium();
        foreach (ModelParameter parameter in model.Parameters.All.Where(parameter => parameter.Shape.Length == 2 && !parameter.IsTied))
            model.Parameters.Set(parameter, parameter.Value.to(ScalarType.BFloat16));
        int[] ids = DecoderCases.Ids(40, model.VocabularySize);
        using var stepwise = new LlamaDecoder(model, new DecoderOptions { Threads = 1, Weights = format, PrefillFrom = int.MaxValue });
        using var whole = new LlamaDecoder(model, new DecoderOptions { Threads = 1, Weights = format });
        double tolerance = format == WeightFormat.Float32 ? 1e-4 : 2e-2;
        foreach (Range part in (ReadOnlySpan<Range>)[0..12, 12..14, 14..30, 30..40])
            DecoderCases.Close(stepwise.Prefill(ids[part]), whole.Prefill(ids[part]), tolerance, $"{part}");
        DecoderCases.Close(stepwise.Step(7), whole.Step(7), tolerance, "the step behind them");
    }

    [Fact]
    public void A_sequence_can_be_cut_back_and_continued()
    {
        using LlamaModel model = DecoderCases.Medium();
        int[] ids = DecoderCases.Ids(300, model.VocabularySize);
        using var decoder = new LlamaDecoder(model, new DecoderOptions { Threads = 2 });
        float[] expected = decoder.Prefill(ids).ToArray();
        decoder.Truncate(100);
        Assert.Equal(100, decoder.Position);
        DecoderCases.Close(expected, decoder.Prefill(ids.AsSpan(100)), 1e-4, "continued");
        decoder.Truncate(0);
        DecoderCases.Close(expected, decoder.Prefill(ids), 0, "repeated");
    }

    [Fact]
    public void A_cache_that_the_model_filled_can_be_taken_over_with_entries_dropped()
    {
        using var scope = NewDisposeScope();
        using LlamaModel model = DecoderCases.Medium();
        using var decoder = new LlamaDecoder(model, new DecoderOptions { Threads = 2 });
        using var cache = new KvCache(model.Layers);
        DecoderCases.Forward(model, cache, DecoderCases.Ids(20, model.VocabularySize));
        for (int layer = 0; layer < model.Layers; layer++)
            cache[layer].Gather(arange(layer, 20, 2, ScalarType.Int64).unsqueeze(0));
        decoder.FillFrom(cache);
        Assert.Equal(20, decoder.Position);
        DecoderCases.Close(DecoderCases.Forward(model, cache, 5), decoder.Step(5), 1e-4, "first");
        DecoderCases.Close(DecoderCases.Forward(model, cache, 6), decoder.Step(6), 1e-4, "second");
        Assert.Throws<InvalidOperationException>(() => decoder.Truncate(3));
        decoder.Truncate(0);
        DecoderCases.StepsAgree(model, decoder, Short, 1e-4);
    }

    [Fact]
    public void A_cache_with_padding_or_of_another_model_is_refused()
    {
        using var scope = NewDisposeScope();
        using LlamaModel model = DecoderCases.Medium();
        using var decoder = new LlamaDecoder(model, new DecoderOptions { Threads = 1 });
        using var other = new KvCache(model.Layers + 1);
        Assert.Throws<ArgumentException>(() => decoder.FillFrom(other));
        using var padded = new KvCache(model.Layers);
        model.Forward(tensor([0L, 5, 6], [1L, 3]), new CausalInput { Cache = padded, Mask = tensor([false, true, true], [1L, 3]), Positions = tensor([0L, 0, 1], [1L, 3]) });
        Assert.Throws<ArgumentException>(() => decoder.FillFrom(padded));
    }

    [Fact]
    public void Steps_allocate_nothing()
    {
        using LlamaModel model = DecoderCases.Medium();
        foreach (WeightFormat format in Enum.GetValues<WeightFormat>())
        {
            using var decoder = new LlamaDecoder(model, new DecoderOptions { Threads = 2, Weights = format });
            for (int i = 0; i < 40; i++)
                decoder.Step(i);
            long before = GC.GetAllocatedBytesForCurrentThread();
            int next = 0;
            for (int i = 0; i < 40; i++)
                next = LlamaDecoder.ArgMax(decoder.Step(next));
            Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        }
    }

    [Fact]
    public void Misuse_is_an_argument_error()
    {
        using LlamaModel model = DecoderCases.Medium();
        var decoder = new LlamaDecoder(model, new DecoderOptions { Threads = 2 });
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Step(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Step(model.VocabularySize));
        Assert.Throws<ArgumentException>(() => decoder.Prefill([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Prefill([1, 2, 3, 4, 5, model.VocabularySize]));
        Assert.Equal(0, decoder.Position);
        decoder.Step(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Truncate(2));
        decoder.Dispose();
        decoder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => decoder.Step(1));
        Assert.Throws<ObjectDisposedException>(() => decoder.Prefill(Short));
    }
}
