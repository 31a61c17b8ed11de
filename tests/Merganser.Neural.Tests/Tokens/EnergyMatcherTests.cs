using CsCheck;
using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Matching;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>What holds for energies and for maps made by them, on random tokens.</summary>
public sealed class EnergyMatcherTests
{
    private static Gen<(int Count, int Remove, int Special, EnergyVariant Variant, int Seed)> Cases { get; } =
        Gen.Select(Gen.Int[4, 33], Gen.Int[1, 20], Gen.Int[0, 2], Gen.Enum<EnergyVariant>(), Gen.Int[0, 1 << 20]);

    [Fact]
    public void Merging_keeps_mass_and_special_tokens() => Cases.Sample(test =>
    {
        using var scope = NewDisposeScope();
        manual_seed(test.Seed);
        Tensor x = randn(2, test.Count, 5), size = randint(1, 4, [2, test.Count, 1], dtype: ScalarType.Float32);
        var matcher = new EnergyMatcher { Special = test.Special, Variant = test.Variant };
        TokenMap? map = matcher.Match(randn(2, test.Count, 6), test.Remove);
        if (map is null)
            return;
        Assert.Equal(Math.Min(test.Remove, (test.Count - test.Special) / 2), map.Sources.shape[1]);
        (Tensor rows, Tensor merged) = map.Mean(x, size);
        GoldenCase.Close(size.sum(1), merged.sum(1), 1e-6, "sizes");
        GoldenCase.Close((x * size).sum(1), (rows * merged).sum(1), 1e-4, "mass");
        if (test.Special > 0)
            GoldenCase.Close(x.narrow(1, 0, test.Special), rows.narrow(1, 0, test.Special), 0, "special tokens");
        foreach (MergeMap managed in map.ToMergeMaps())
            Assert.Equal(0, managed.DroppedCount);
    }, iter: 60, threads: 1);

    [Fact]
    public void Tokens_of_the_lowest_energy_stay_bit_by_bit()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        const int Tokens = 21, Removed = 6;
        Tensor metric = randn(1, Tokens, 4), x = randn(1, Tokens, 3), size = full([1, Tokens, 1], 3.0f);
        var matcher = new EnergyMatcher { Variant = EnergyVariant.Plain };
        Tensor rows = matcher.Match(metric, Removed)!.Mean(x, size).Rows;
        Tensor lowest = matcher.Energy(metric).argsort(-1, descending: true).narrow(1, 2 * Removed, Tokens - (2 * Removed));
        GoldenCase.Close(x.gather(1, lowest.unsqueeze(-1).expand(1, Tokens - (2 * Removed), 3)), rows.narrow(1, 0, Tokens - (2 * Removed)), 0, "protected rows");
    }

    [Fact]
    public void Energy_does_not_see_rotations()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor metric = randn(2, 15, 6), rotation = linalg.qr(randn(6, 6)).Q;
        foreach (EnergyKernel kernel in Enum.GetValues<EnergyKernel>().Where(kernel => kernel != EnergyKernel.Paper)) // The paper's kernel jumps at the margin.
        {
            var matcher = new EnergyMatcher { Kernel = kernel };
            GoldenCase.Close(matcher.Energy(metric), matcher.Energy(matmul(metric, rotation)), 1e-5, kernel.ToString());
        }
    }

    [Fact]
    public void A_duplicate_raises_the_energy_of_its_token()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        Tensor metric = randn(1, 12, 6);
        var matcher = new EnergyMatcher();
        Tensor before = matcher.Energy(metric), after = matcher.Energy(cat([metric, metric[.., 4..5]], 1));
        Assert.True(after[0, 4].ToSingle() > before[0, 4].ToSingle());
    }

    [Fact]
    public void A_margin_below_every_cosine_makes_energy_linear()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        Tensor metric = randn(1, 10, 6), unit = metric / metric.norm(-1, keepdim: true);
        GoldenCase.Close(matmul(unit, unit.transpose(1, 2)).mean([-1]) + 1.5, new EnergyMatcher { Margin = -1.5 }.Energy(metric), 1e-5, "energy");
    }

    [Fact]
    public void Isolated_tokens_are_protected()
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        // Ten tokens near one direction, four alone.
        Tensor metric = cat([tensor(new float[] { 1, 0, 0, 0, 0 }) + (randn(1, 10, 5) * 0.05), cat([zeros(4, 1), eye(4)], 1).unsqueeze(0)], 1);
        MergeMap map = new EnergyMatcher { Variant = EnergyVariant.Plain }.Match(metric, 5)!.ToMergeMaps()[0];
        Assert.All(Enumerable.Range(10, 4), token => Assert.Equal(1, map.SizeOf(map.GroupOf(token))));
    }

    [Fact]
    public void Options_out_of_range_are_errors()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new EnergyMatcher { Margin = 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new EnergyMatcher { Margin = double.NaN });
        Assert.Throws<ArgumentOutOfRangeException>(() => new EnergyMatcher { Alpha = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PiToMe { Margin = -0.1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new PiToMe { Margins = [0.5, 1] });
    }
}
