using CsCheck;
using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>Pieces of an attention over different keys merge into the attention over all of them.</summary>
public sealed class AttentionStateTests
{
    private static readonly Gen<(int Batch, int Heads, int Queries, int Width, int First, int Second, int Third, int Seed)> Cases =
        Gen.Select(Gen.Int[1, 2], Gen.Int[1, 3], Gen.Int[1, 4], Gen.Int[1, 8], Gen.Int[1, 6], Gen.Int[1, 6], Gen.Int[1, 6], Gen.Int[0, 1 << 20]);

    [Fact]
    public void Merged_pieces_are_the_attention_over_all_keys_in_any_grouping() => Each(static drawn =>
    {
        AttentionState whole = Piece(drawn.Query, drawn.Keys, drawn.Values, 0, drawn.Ends[2]);
        AttentionState first = Piece(drawn.Query, drawn.Keys, drawn.Values, 0, drawn.Ends[0]);
        AttentionState second = Piece(drawn.Query, drawn.Keys, drawn.Values, drawn.Ends[0], drawn.Ends[1]);
        AttentionState third = Piece(drawn.Query, drawn.Keys, drawn.Values, drawn.Ends[1], drawn.Ends[2]);
        Close(whole, first.Merge(second).Merge(third), "left to right");
        Close(whole, first.Merge(second.Merge(third)), "right to left");
        Close(whole, third.Merge(first).Merge(second), "in another order");
    });

    [Fact]
    public void A_piece_without_keys_is_neutral_to_the_bit() => Each(static drawn =>
    {
        AttentionState piece = Piece(drawn.Query, drawn.Keys, drawn.Values, 0, drawn.Ends[2]);
        AttentionState empty = Empty(piece);
        Same(piece, piece.Merge(empty));
        Same(piece, empty.Merge(piece));
        Same(empty, empty.Merge(empty));
    });

    [Fact]
    public void Scores_beyond_the_exponentials_range_merge()
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(5, CPU);
        Tensor query = randn([1, 1, 2, 4], generator: generator) * 300, keys = randn([1, 1, 6, 4], generator: generator), values = randn([1, 1, 6, 4], generator: generator);
        Close(Piece(query, keys, values, 0, 6), Piece(query, keys, values, 0, 3).Merge(Piece(query, keys, values, 3, 6)), "large scores");
    }

    [Fact]
    public void Pieces_of_half_width_merge_in_full_width()
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(6, CPU);
        var piece = new AttentionState(randn([1, 2, 3, 4], ScalarType.BFloat16, generator: generator), randn([1, 2, 3], ScalarType.BFloat16, generator: generator));
        AttentionState merged = piece.Merge(piece);
        Assert.Equal(ScalarType.Float32, merged.Output.dtype);
        GoldenCase.Close(piece.LogSumExp.to(ScalarType.Float32) + Math.Log(2), merged.LogSumExp, 1e-6, "sum");
    }

    private static void Each(Action<(Tensor Query, Tensor Keys, Tensor Values, int[] Ends)> check) => Cases.Sample(drawn =>
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator((ulong)drawn.Seed, CPU);
        int[] ends = [drawn.First, drawn.First + drawn.Second, drawn.First + drawn.Second + drawn.Third];
        Tensor Draw(long length) => randn([drawn.Batch, drawn.Heads, length, drawn.Width], generator: generator);
        check((Draw(drawn.Queries) * 3, Draw(ends[2]), Draw(ends[2]), ends));
    }, iter: 40, threads: 1);

    private static AttentionState Piece(Tensor query, Tensor keys, Tensor values, int start, int end)
    {
        AttentionOutput output = Attention.Compute(query, keys.narrow(2, start, end - start), values.narrow(2, start, end - start), new AttentionBias(), wish: AttentionWish.LogSumExp);
        return new AttentionState(output.Output, output.LogSumExp!);
    }

    private static AttentionState Empty(AttentionState like) => new(zeros_like(like.Output), full_like(like.LogSumExp, double.NegativeInfinity));

    private static void Close(AttentionState expected, AttentionState actual, string what)
    {
        GoldenCase.Close(expected.Output, actual.Output, 1e-5, what);
        GoldenCase.Close(expected.LogSumExp, actual.LogSumExp, 1e-5, what);
    }

    private static void Same(AttentionState expected, AttentionState actual)
    {
        Assert.True(expected.Output.equal(actual.Output).all().ToBoolean());
        Assert.True(expected.LogSumExp.equal(actual.LogSumExp).all().ToBoolean());
    }
}
