using CsCheck;
using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>What holds for every encoder of texts, whatever its weights: padding and neighbours do not count, the mask may be left out where it is full.</summary>
public sealed class EncoderPropertyTests
{
    private const double Tolerance = 1e-5;
    private const int Vocabulary = 12, Padding = 0;

    public static TheoryData<string> Models() => [TinyFolders.Bert, TinyFolders.Roberta, TinyFolders.T5];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_row_is_the_same_alone_and_padded_beside_others(string config)
    {
        using PretrainedModel loaded = TinyFolders.Create(config);
        var model = (EncoderModel)loaded;
        Rows.Sample(rows =>
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor ids, Tensor mask) = Pad(rows);
            EncoderOutput together = model.Forward(ids, new EncoderInput { Mask = mask });
            for (int row = 0; row < rows.Length; row++)
            {
                EncoderOutput alone = model.Forward(tensor(rows[row], [1, rows[row].Length]));
                GoldenCase.Close(alone.LastHiddenState[0], together.LastHiddenState[row].narrow(0, 0, rows[row].Length), Tolerance, "hidden states");
                if (alone.Pooled is { } pooled)
                    GoldenCase.Close(pooled[0], together.Pooled![row], Tolerance, "pooled");
            }
        }, iter: 30);
    }

    [Theory]
    [InlineData(TinyFolders.Bert)]
    [InlineData(TinyFolders.T5)]
    public void What_stands_in_padded_places_does_not_count(string config)
    {
        using PretrainedModel loaded = TinyFolders.Create(config);
        var model = (EncoderModel)loaded;
        Gen.Select(Rows, Gen.Long[1, Vocabulary - 1]).Sample((rows, other) =>
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor ids, Tensor mask) = Pad(rows);
            var input = new EncoderInput { Mask = mask };
            Tensor kept = mask.unsqueeze(-1).to(ScalarType.Float32);
            Tensor expected = model.Forward(ids, input).LastHiddenState * kept, actual = model.Forward(ids.masked_fill(mask.eq(0), other), input).LastHiddenState * kept;
            GoldenCase.Close(expected, actual, Tolerance, "hidden states");
        }, iter: 30);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Layer_by_layer_is_the_whole_and_rows_may_change_places(string config)
    {
        using PretrainedModel loaded = TinyFolders.Create(config);
        var model = (EncoderModel)loaded;
        Rows.Sample(rows =>
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor ids, Tensor mask) = Pad(rows);
            var input = new EncoderInput { Mask = mask };
            Tensor whole = model.Forward(ids, input).LastHiddenState;
            EncoderState state = model.Begin(ids, input);
            Tensor hidden = model.Embed(ids, input);
            for (int layer = 0; layer < model.Layers; layer++)
                hidden = model.RunLayers(layer, layer + 1, hidden, state);
            GoldenCase.Close(whole, model.Finish(hidden), Tolerance, "layer by layer");
            GoldenCase.Close(whole.flip(0), model.Forward(ids.flip(0), new EncoderInput { Mask = mask.flip(0) }).LastHiddenState, Tolerance, "the other way round");
        }, iter: 30);
    }

    private static Gen<long[][]> Rows => Gen.Long[1, Vocabulary - 1].Array[1, 9].Array[1, 4];

    private static (Tensor Ids, Tensor Mask) Pad(long[][] rows)
    {
        int longest = rows.Max(row => row.Length);
        long[] ids = [.. rows.SelectMany(row => row.Concat(Enumerable.Repeat((long)Padding, longest - row.Length)))];
        long[] mask = [.. rows.SelectMany(row => Enumerable.Repeat(1L, row.Length).Concat(Enumerable.Repeat(0L, longest - row.Length)))];
        return (tensor(ids, [rows.Length, longest]), tensor(mask, [rows.Length, longest]));
    }
}
