using CsCheck;
using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>The fused kernel, the path with statistics and a plain sum over keys say the same.</summary>
public sealed class AttentionTests
{
    private const AttentionWish Everything = AttentionWish.Probabilities | AttentionWish.LogSumExp | AttentionWish.Keys;

    [Fact]
    public void Statistics_do_not_change_the_output() => Gen.Select(
        Gen.Select(Gen.Int[1, 2], Gen.Int[1, 2], Gen.Int[1, 3], Gen.Int[1, 6], Gen.Int[0, 6]),
        Gen.Bool, Gen.Bool, Gen.Bool, Gen.Int[0, 6], Gen.Double[0.1, 2], Gen.Int[0, 1 << 20]).Sample((shape, causal, masked, terms, window, scale, seed) =>
    {
        (int batch, int keyHeads, int shared, int queries, int older) = shape;
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator((ulong)seed, CPU);
        long heads = keyHeads * shared, count = older + queries;
        Tensor query = randn([batch, heads, queries, 4], generator: generator), keys = randn([batch, keyHeads, count, 4], generator: generator), values = randn([batch, keyHeads, count, 5], generator: generator);
        Tensor? mask = masked ? rand([batch, count], generator: generator).gt(0.3) : null;
        mask?[.., 0] = tensor(true); // every query sees at least one key
        var bias = new AttentionBias
        {
            IsCausal = causal,
            IsAligned = older == 0,
            QueryPositions = arange(older, count, ScalarType.Int64).unsqueeze(0),
            KeyPositions = arange(0, count, ScalarType.Int64).unsqueeze(0),
            KeyMask = mask,
            KeyTerm = terms ? randn([batch, heads, count], generator: generator) : null,
            Window = causal && !masked && window > 0 ? window : null,
        };
        AttentionOutput fused = Attention.Compute(query, keys, values, bias, scale);
        AttentionOutput open = Attention.Compute(query, keys, values, bias, scale, Everything);
        GoldenCase.Close(fused.Output, open.Output, 1e-5, "output");
        Assert.Null(fused.Probabilities);
        Assert.Null(fused.LogSumExp);

        Tensor probabilities = open.Probabilities!;
        GoldenCase.Close(ones(batch, heads, queries), probabilities.sum(-1), 1e-5, "sum of probabilities");
        GoldenCase.Close(matmul(probabilities, Attention.Repeat(values, heads)), open.Output, 1e-5, "probabilities times values");
        Tensor scores = (matmul(query, Attention.Repeat(open.Keys!, heads).transpose(-1, -2)) * scale) + bias.ToTensor(ScalarType.Float32, CPU);
        GoldenCase.Close(scores.logsumexp(-1), open.LogSumExp!, 1e-5, "sum of exponentials");
    }, iter: 100, threads: 1);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(20)]
    public void A_window_counts_the_token_itself(int window)
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor query, Tensor keys, Tensor values) = Draw(9);
        var bias = new AttentionBias { IsCausal = true, IsAligned = true, QueryPositions = Places(9), KeyPositions = Places(9) };
        Tensor probabilities = Attention.Compute(query, keys, values, bias.With(window, 9), wish: Everything).Probabilities!;
        for (int i = 0; i < 9; i++)
        {
            for (int j = 0; j < 9; j++)
                Assert.Equal(j <= i && j > i - window, probabilities[0, 0, i, j].ToSingle() > 0);
        }

        Assert.Equal(window >= 9, bias.With(window, 9).IsPlain);
    }

    [Fact]
    public void A_term_of_ln_2_counts_a_key_twice()
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor query, Tensor keys, Tensor values) = Draw(5);
        Tensor twice = tensor([0L, 1, 2, 3, 4, 2]);
        Tensor expected = Attention.Compute(query, keys.index_select(2, twice), values.index_select(2, twice), new AttentionBias()).Output;
        Tensor term = tensor([1f, 1, 2, 1, 1]).log().unsqueeze(0);
        GoldenCase.Close(expected, Attention.Compute(query, keys, values, new AttentionBias { KeyTerm = term }).Output, 1e-5, "one term for all heads");
        Tensor perHead = term.unsqueeze(1).expand(1, 2, 5);
        GoldenCase.Close(expected, Attention.Compute(query, keys, values, new AttentionBias { KeyTerm = perHead }).Output, 1e-5, "a term per head");
    }

    [Fact]
    public void A_hidden_key_weighs_nothing_and_a_row_without_keys_is_finite()
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor query, Tensor keys, Tensor values) = Draw(4);
        Tensor some = tensor([true, false, true, false]).unsqueeze(0), kept = tensor([0L, 2]);
        Tensor expected = Attention.Compute(query, keys.index_select(2, kept), values.index_select(2, kept), new AttentionBias()).Output;
        GoldenCase.Close(expected, Attention.Compute(query, keys, values, new AttentionBias { KeyMask = some }).Output, 1e-6, "masked keys");
        foreach (AttentionWish wish in (ReadOnlySpan<AttentionWish>)[AttentionWish.None, Everything])
        {
            Tensor none = Attention.Compute(query, keys, values, new AttentionBias { KeyMask = some.logical_and(false), KeyTerm = ones(1, 4) }, wish: wish).Output;
            Assert.True(none.isfinite().all().ToBoolean());
        }
    }

    [Fact]
    public void Positions_decide_and_not_places()
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor query, Tensor keys, Tensor values) = Draw(6);
        Tensor order = tensor([3L, 0, 5, 1, 4, 2]);
        AttentionBias Bias(Tensor keyPositions) => new() { IsCausal = true, QueryPositions = Places(6), KeyPositions = keyPositions, Window = 4 };
        Tensor expected = Attention.Compute(query, keys, values, Bias(Places(6))).Output;
        Tensor shuffled = Attention.Compute(query, keys.index_select(2, order), values.index_select(2, order), Bias(order.unsqueeze(0))).Output;
        GoldenCase.Close(expected, shuffled, 1e-6, "shuffled keys");
    }

    [Fact]
    public void A_full_bias_is_added_as_it_is()
    {
        using DisposeScope scope = NewDisposeScope();
        (Tensor query, Tensor keys, Tensor values) = Draw(5);
        using var generator = new Generator(9, CPU);
        Tensor table = randn([1, 2, 5, 5], generator: generator);
        Tensor scores = (matmul(query, keys.transpose(-1, -2)) * 0.5) + table;
        GoldenCase.Close(matmul(nn.functional.softmax(scores, -1), values), Attention.Compute(query, keys, values, new AttentionBias { Full = table }, 0.5).Output, 1e-5, "table");
    }

    private static Tensor Places(long count) => arange(count, ScalarType.Int64).unsqueeze(0);

    private static (Tensor Query, Tensor Keys, Tensor Values) Draw(long tokens)
    {
        using var generator = new Generator(8, CPU);
        Tensor One() => randn([1, 2, tokens, 4], generator: generator);
        return (One(), One(), One());
    }
}
