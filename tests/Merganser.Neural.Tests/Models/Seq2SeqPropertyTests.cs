using CsCheck;
using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>What holds for T5 and Whisper whatever their weights: the decoder sees no future, steps with a cache are the whole, neighbours do not count.</summary>
public sealed class Seq2SeqPropertyTests
{
    private const double Tolerance = 2e-5;

    public static TheoryData<string> Models() => [TinyFolders.T5Whole, TinyFolders.Whisper];

    [Theory]
    [MemberData(nameof(Models))]
    public void Later_tokens_do_not_change_earlier_scores(string config)
    {
        using PretrainedModel loaded = TinyFolders.Create(config);
        var model = (Seq2SeqLm)loaded;
        Gen.Select(Gen.Long[0, 11].Array[2, 8], Gen.Long[0, 11], Gen.ULong, Gen.Int[0, 6]).Sample((ids, other, seed, place) =>
        {
            using DisposeScope scope = NewDisposeScope();
            place = 1 + (place % (ids.Length - 1));
            Tensor source = Source(model, 1, seed), target = tensor(ids, [1, ids.Length]), changed = target.clone();
            changed[0, place] = other;
            GoldenCase.Close(model.Forward(source, target).narrow(1, 0, place), model.Forward(source, changed).narrow(1, 0, place), Tolerance, "scores before the change");
        }, iter: 30);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Token_by_token_with_a_cache_gives_the_scores_of_the_whole(string config)
    {
        using PretrainedModel loaded = TinyFolders.Create(config);
        var model = (Seq2SeqLm)loaded;
        Gen.Select(Gen.Long[0, 11].Array[1, 8], Gen.ULong).Sample((ids, seed) =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor source = Source(model, 1, seed), whole = model.Forward(source, tensor(ids, [1, ids.Length])), states = model.Encode(source).LastHiddenState;
            using var cache = new Seq2SeqCache(model.DecoderLayers);
            for (int step = 0; step < ids.Length; step++)
            {
                Tensor logits = model.Decode(tensor([ids[step]], [1, 1]), new Seq2SeqInput { EncoderStates = states, Cache = cache }).Logits;
                GoldenCase.Close(whole.narrow(1, step, 1), logits, Tolerance, $"step {step}");
            }
        }, iter: 20);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_row_of_a_batch_is_the_row_alone(string config)
    {
        using PretrainedModel loaded = TinyFolders.Create(config);
        var model = (Seq2SeqLm)loaded;
        Gen.Select(Gen.Int[2, 4], Gen.Int[1, 6], Gen.ULong).Sample((count, tokens, seed) =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor source = Source(model, count, seed), ids = TinyModel.Ids(count, tokens, seed, 12), together = model.Forward(source, ids);
            for (int row = 0; row < count; row++)
                GoldenCase.Close(model.Forward(source.narrow(0, row, 1), ids.narrow(0, row, 1)), together.narrow(0, row, 1), Tolerance, $"row {row}");
        }, iter: 20);
    }

    [Fact]
    public void Padding_of_the_source_does_not_count_in_T5()
    {
        using PretrainedModel loaded = TinyFolders.Create(TinyFolders.T5Whole);
        var model = (T5Model)loaded;
        Gen.Select(Gen.Long[1, 11].Array[1, 6], Gen.Long[0, 11].Array[1, 4], Gen.Long[0, 11].Array[1, 5]).Sample((source, padding, target) =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor ids = tensor(target, [1, target.Length]);
            long[] padded = [.. source, .. padding], mask = [.. source.Select(_ => 1L), .. padding.Select(_ => 0L)];
            Tensor expected = model.Forward(tensor(source, [1, source.Length]), ids);
            GoldenCase.Close(expected, model.Forward(tensor(padded, [1, padded.Length]), ids, tensor(mask, [1, mask.Length])), Tolerance, "scores");
        }, iter: 30);
    }

    internal static Tensor Source(Seq2SeqLm model, int rows, ulong seed)
    {
        if (model is not WhisperModel whisper)
            return TinyModel.Ids(rows, 6, seed, model.VocabularySize);
        using var generator = new Generator(seed, CPU);
        return randn([rows, whisper.Shape.MelBins, 2 * whisper.Shape.SourcePositions], generator: generator);
    }
}
