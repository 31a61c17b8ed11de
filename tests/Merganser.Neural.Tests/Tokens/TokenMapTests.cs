using CsCheck;
using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Matching;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>What holds for every map that a matcher makes, on random tokens.</summary>
public sealed class TokenMapTests
{
    private static Gen<(int Batch, int Count, int Remove, int Special, int Seed)> Cases { get; } =
        Gen.Select(Gen.Int[1, 3], Gen.Int[4, 40], Gen.Int[1, 30], Gen.Int[0, 2], Gen.Int[0, 1 << 20]);

    [Fact]
    public void Merging_keeps_mass_and_counts_every_token_once() => Cases.Sample(test =>
    {
        using var scope = NewDisposeScope();
        if (Map(test, out Tensor x, out Tensor size) is not { } map)
            return;
        (Tensor rows, Tensor merged) = map.Mean(x, size);
        Assert.Equal(test.Count - map.Sources.shape[1], rows.shape[1]);
        GoldenCase.Close(size.sum(1), merged.sum(1), 1e-6, "sizes");
        Assert.True(merged.ge(1).all().ToBoolean());
        GoldenCase.Close((x * size).sum(1), (rows * merged).sum(1), 1e-4, "mass");
        foreach (MergeMap managed in map.ToMergeMaps())
        {
            Assert.Equal(0, managed.DroppedCount);
            Assert.DoesNotContain(0, Enumerable.Range(0, managed.GroupCount).Select(managed.SizeOf));
        }
    }, iter: 60, threads: 1);

    [Fact]
    public void Tokens_that_took_no_part_come_back_bit_by_bit() => Cases.Sample(test =>
    {
        using var scope = NewDisposeScope();
        if (Map(test, out Tensor x, out Tensor size) is not { } map)
            return;
        Tensor back = map.Expand(map.Mean(x, size).Rows);
        MergeMap[] maps = map.ToMergeMaps();
        for (int image = 0; image < test.Batch; image++)
        {
            for (int token = 0; token < test.Count; token++)
            {
                if (maps[image].SizeOf(maps[image].GroupOf(token)) == 1)
                    Assert.Equal(x[image, token].data<float>().ToArray(), back[image, token].data<float>().ToArray());
                else
                    Assert.True(token >= test.Special, "a special token was merged");
            }
        }
    }, iter: 60, threads: 1);

    [Fact]
    public void The_order_of_the_batch_does_not_matter() => Cases.Sample(test =>
    {
        using var scope = NewDisposeScope();
        manual_seed(test.Seed);
        Tensor metric = randn(test.Batch, test.Count, 5);
        var matcher = new AlternatingMatcher { Special = test.Special };
        TokenMap? map = matcher.Match(metric, test.Remove), turned = matcher.Match(metric.flip(0), test.Remove);
        Assert.Equal(map is null, turned is null);
        if (map is not null)
            GoldenCase.Close(map.Groups(), turned!.Groups().flip(0), 0, "groups");
    }, iter: 30, threads: 1);

    [Fact]
    public void Token_order_sorts_groups_and_keeps_their_members() => Cases.Sample(test =>
    {
        using var scope = NewDisposeScope();
        if (Map(test, out Tensor x, out Tensor size) is not { } map)
            return;
        TokenMap sorted = map.InTokenOrder();
        MergeMap[] before = map.ToMergeMaps(), after = sorted.ToMergeMaps();
        for (int image = 0; image < test.Batch; image++)
        {
            int[] first = [.. Enumerable.Range(0, after[image].GroupCount).Select(group => after[image].MembersOf(group)[0])];
            Assert.Equal(first.Order(), first);
            for (int token = 0; token < test.Count; token++)
                Assert.Equal(before[image].MembersOf(before[image].GroupOf(token)).ToArray(), after[image].MembersOf(after[image].GroupOf(token)).ToArray());
        }

        GoldenCase.Close(map.Expand(map.Mean(x, size).Rows), sorted.Expand(sorted.Mean(x, size).Rows), 0, "rows");
    }, iter: 30, threads: 1);

    [Fact]
    public void Protected_tokens_stay_alone()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var matcher = new AlternatingMatcher { Special = 1, Protected = [3, 4, 8] };
        TokenMap map = matcher.Match(randn(2, 12, 4), 50)!;
        Assert.Equal(3, map.Sources.shape[1]); // Of the even places 0, 4 and 8 stay.
        foreach (MergeMap managed in map.ToMergeMaps())
            Assert.All((int[])[0, 3, 4, 8], token => Assert.Equal(1, managed.SizeOf(managed.GroupOf(token))));
        Assert.Null(new AlternatingMatcher { Protected = [1, 3] }.Match(randn(1, 5, 4), 2));
    }

    [Fact]
    public void Gradients_reach_the_rows_and_not_the_plan()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        Tensor x = randn([1, 9, 3], requires_grad: true), metric = randn([1, 9, 4], requires_grad: true);
        TokenMap map = new AlternatingMatcher { Special = 1 }.Match(metric, 3)!;
        (Tensor rows, Tensor size) = map.Mean(x, null);
        (rows * size).sum().backward();
        GoldenCase.Close(ones_like(x), x.grad!, 1e-6, "gradient of the mass");
        Assert.Null(metric.grad);
    }

    [Theory]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void Narrow_rows_merge_in_float32(ScalarType type)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor x = randn(2, 16, 8).to(type);
        TokenMap map = new AlternatingMatcher().Match(x, 8)!;
        Tensor rows = map.Mean(x, null).Rows;
        Assert.Equal(type, rows.dtype);
        Assert.True(map.Mean(x.to(ScalarType.Float32), null).Rows.to(type).eq(rows).all().ToBoolean());
    }

    [Fact]
    public void Rows_of_zeros_are_no_error_and_match_nothing_better_than_chance()
    {
        using var scope = NewDisposeScope();
        Tensor metric = zeros(1, 8, 4);
        TokenMap map = new AlternatingMatcher().Match(metric, 2)!;
        Assert.Equal([0L, 2L], map.Sources.data<long>().ToArray()); // Equal scores: the lowest indices.
        Assert.Equal(1L, map.Anchors.gather(1, map.Targets)[0, 0].ToInt64());
    }

    [Fact]
    public void Bad_input_is_named()
    {
        using var scope = NewDisposeScope();
        var matcher = new AlternatingMatcher { Special = 1 };
        Assert.Contains("[batch, tokens, width]", Assert.Throws<ArgumentException>(() => matcher.Match(zeros(3, 4), 1)).Message);
        Assert.Contains("at least 2", Assert.Throws<ArgumentException>(() => matcher.Match(zeros(1, 1, 4), 1)).Message);
        Assert.Contains("NaN", Assert.Throws<ArgumentException>(() => matcher.Match(full([1, 6, 4], float.NaN), 1)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => matcher.Match(zeros(1, 6, 4), -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AlternatingMatcher { Special = 3 });
        TokenMap map = matcher.Match(randn(2, 6, 4), 1)!;
        Assert.Throws<ArgumentException>(() => map.Sum(zeros(2, 7, 4)));
        Assert.Throws<ArgumentException>(() => map.Expand(zeros(2, 6, 4)));
    }

    private static TokenMap? Map((int Batch, int Count, int Remove, int Special, int Seed) test, out Tensor x, out Tensor size)
    {
        manual_seed(test.Seed);
        x = randn(test.Batch, test.Count, 6);
        size = randint(1, 5, [test.Batch, test.Count, 1], dtype: ScalarType.Float32);
        return new AlternatingMatcher { Special = test.Special }.Match(randn(test.Batch, test.Count, 5), test.Remove);
    }
}
