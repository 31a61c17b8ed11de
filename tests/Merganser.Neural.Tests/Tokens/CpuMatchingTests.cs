using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Matching;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>Own code on the processor against tensor operations, which a metric in double precision or a wanted gradient takes.</summary>
[Collection(ThreadCount.Name)]
public sealed class CpuMatchingTests
{
    /// <summary>The same cases every time: among new ones some would have two scores so near each other that rounding decides their order.</summary>
    private static void ForEach(Action<(int Batch, int Count, int Width, int Remove, int Special, int Seed)> check)
    {
        var random = new Random(1);
        for (int seed = 0; seed < 60; seed++)
            check((random.Next(1, 4), random.Next(5, 70), random.Next(3, 40), random.Next(1, 40), random.Next(3), seed));
    }

    [Fact]
    public void Alternating_matching_is_the_same() => ForEach(test =>
    {
        using var scope = NewDisposeScope();
        manual_seed(test.Seed);
        Tensor metric = randn(test.Batch, test.Count, test.Width);
        Same(new AlternatingMatcher { Special = test.Special }, metric, test.Remove);
        Same(new AlternatingMatcher { Special = test.Special, Protected = [test.Count / 2, test.Count / 3] }, metric, test.Remove);
    });

    [Fact]
    public void Matching_by_energy_is_the_same() => ForEach(test =>
    {
        using var scope = NewDisposeScope();
        manual_seed(test.Seed);
        Tensor metric = randn(test.Batch, test.Count, test.Width);
        foreach (EnergyVariant variant in Enum.GetValues<EnergyVariant>())
        {
            foreach (EnergyKernel kernel in Enum.GetValues<EnergyKernel>())
                Same(new EnergyMatcher { Special = test.Special, Variant = variant, Kernel = kernel, Margin = 0.4 }, metric, test.Remove);
        }
    });

    [Fact]
    public void Heads_count_as_their_mean() => ForEach(test =>
    {
        using var scope = NewDisposeScope();
        manual_seed(test.Seed);
        Tensor keys = randn(test.Batch, test.Count, 3, test.Width + 1).transpose(1, 2); // [B, H, N, D], as a model has them
        var matcher = new AlternatingMatcher { Special = test.Special };
        TokenMap? byHeads = matcher.Match(keys, test.Remove), byMean = matcher.Match(keys.mean([1]), test.Remove);
        Assert.Equal(byMean is null, byHeads is null);
        if (byMean is not null)
            GoldenCase.Close(byMean.Groups(), byHeads!.Groups(), 0, "groups");
    });

    [Fact]
    public void Rows_are_merged_the_same() => ForEach(test =>
    {
        using var scope = NewDisposeScope();
        manual_seed(test.Seed);
        Tensor x = randn(test.Batch, test.Count, test.Width), size = randint(1, 5, [test.Batch, test.Count, 1], dtype: ScalarType.Float32);
        if (new AlternatingMatcher { Special = test.Special }.Match(x, test.Remove) is not { } map)
            return;
        Tensor differentiable = x.clone().requires_grad_();
        (Tensor rows, Tensor sizes) = map.Mean(x, size);
        (Tensor expected, Tensor expectedSizes) = map.Mean(differentiable, size);
        GoldenCase.Close(expected.detach(), rows, 1e-6, "weighted rows");
        GoldenCase.Close(expectedSizes, sizes, 0, "sizes");
        GoldenCase.Close(map.Mean(differentiable).detach(), map.Mean(x), 1e-6, "plain rows");
        GoldenCase.Close(map.Mean(differentiable, null).Rows.detach(), map.Mean(x, null).Rows, 1e-6, "rows without sizes");
    });

    [Fact]
    public void Equal_scores_take_the_lowest_index()
    {
        using var scope = NewDisposeScope();
        Tensor metric = ones(1, 41, 7);
        foreach (Tensor same in (Tensor[])[metric, metric.to(ScalarType.Float64)])
        {
            TokenMap map = new AlternatingMatcher().Match(same, 5)!;
            Assert.Equal([0L, 2, 4, 6, 8], map.Sources.data<long>().ToArray());
            Assert.All(map.Anchors.gather(1, map.Targets).data<long>().ToArray(), target => Assert.Equal(1, target));
        }
    }

    [Fact]
    public void Threads_do_not_change_a_bit()
    {
        using var scope = NewDisposeScope();
        manual_seed(9);
        Tensor metric = randn(5, 197, 64), x = randn(5, 197, 48);
        int threads = get_num_threads();
        Tensor Run(int count)
        {
            set_num_threads(count);
            return new EnergyMatcher { Special = 1, Variant = EnergyVariant.Bipartite }.Match(metric, 30)!.Mean(x, null).Rows;
        }

        try
        {
            Assert.True(Run(1).eq(Run(2)).all().ToBoolean());
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    private static void Same(ITokenMatcher matcher, Tensor metric, long remove)
    {
        TokenMap? own = matcher.Match(metric, remove), tensors = matcher.Match(metric.to(ScalarType.Float64), remove);
        Assert.Equal(tensors is null, own is null);
        if (tensors is null)
            return;
        GoldenCase.Close(tensors.Anchors, own!.Anchors, 0, "anchors");
        GoldenCase.Close(tensors.Sources, own.Sources, 0, "sources");
        GoldenCase.Close(tensors.Targets, own.Targets, 0, "targets");
    }
}
