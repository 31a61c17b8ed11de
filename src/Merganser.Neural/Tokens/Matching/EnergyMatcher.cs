using Merganser.Neural.Tokens.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Matching;

/// <summary>What likeness adds to the energy of a token.</summary>
public enum EnergyKernel
{
    /// <summary>ELU(S − m): the authors' code.</summary>
    EluShifted,

    /// <summary>S where S ≥ m, else α(e^(S−m) − 1): the paper.</summary>
    Paper,

    /// <summary>exp(−½((1 − S)/σ)²) / (σ√(2π)) with σ = 1 − m: the authors' code for text.</summary>
    Gaussian,
}

/// <summary>How tokens are divided by energy.</summary>
public enum EnergyVariant
{
    /// <summary>The 2r tokens of highest energy, alternately: every one at an even rank merges into the most similar at an odd rank.</summary>
    Plain,

    /// <summary>All tokens, alternately by rank of energy: the r most similar pairs merge.</summary>
    Bipartite,

    /// <summary>The r tokens of highest energy merge into the r after them.</summary>
    Halves,
}

/// <summary>
/// PiToMe's matching ("Accelerating Transformers with Spectrum-Preserving Token Merging", arXiv 2405.16148): the energy of a token is the
/// mean over all tokens j of f(cos(i, j)); tokens in large similar clusters have high energy and may merge, lonely ones are protected.
/// </summary>
/// <remarks>Special tokens stay in front and count nowhere. Then come the tokens that stay, from high energy (<see cref="EnergyVariant.Bipartite"/>:
/// from high likeness) down, then those that receive, in the order of their ranks.</remarks>
public sealed class EnergyMatcher : ITokenMatcher
{
    /// <summary>Tokens at the beginning that never merge.</summary>
    public int Special
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(Special), value, "0 or more");
    }

    /// <summary>m, below 1: likeness above it raises the energy.</summary>
    public double Margin
    {
        get;
        init => field = value < 1 ? value : throw new ArgumentOutOfRangeException(nameof(Margin), value, "the margin is below 1");
    } = 0.5;

    /// <summary>α, above 0: how deep the energy falls below the margin.</summary>
    public double Alpha
    {
        get;
        init => field = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Alpha), value, "α is above 0");
    } = 1;

    /// <summary>How tokens are divided.</summary>
    public EnergyVariant Variant { get; init; }

    /// <summary>What likeness adds.</summary>
    public EnergyKernel Kernel { get; init; }

    /// <inheritdoc/>
    public long Removable(long count) => Math.Max(0, (count - Special) / 2);

    /// <summary>The energy of every token that is not special, float32 [B, T].</summary>
    public Tensor Energy(Tensor metric)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        return scope.MoveToOuter(Energies(Patches(metric)));
    }

    /// <inheritdoc/>
    public TokenMap? Match(Tensor metric, long remove)
    {
        TokenMetrics.Check(metric, Special);
        ArgumentOutOfRangeException.ThrowIfNegative(remove);
        long count = metric.shape[^2], patches = count - Special, batch = metric.shape[0], r = Math.Min(remove, Removable(count));
        if (r == 0)
            return null;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        if (CpuMatching.TryRows(metric, out Tensor held, out CpuMatching.Rows rows))
        {
            unsafe
            {
                TokenMap planned = CpuMatching.Plan(rows, (int)(count - r), (int)r, (tokens, image, lists) => CpuMatching.Energy(tokens, image, lists, rows.Depth, this));
                GC.KeepAlive(held);
                return planned;
            }
        }

        Tensor unit = Patches(metric);
        (_, Tensor ranks) = Energies(unit).sort(-1, descending: true, stable: true);
        Tensor special = arange(Special, dtype: ScalarType.Int64, device: metric.device).expand(batch, Special);
        Tensor going, receiving, stay, targets;
        if (Variant == EnergyVariant.Bipartite)
        {
            Tensor first = ranks[.., TensorIndex.Slice(0, null, 2)];
            receiving = ranks[.., TensorIndex.Slice(1, null, 2)];
            (Tensor best, Tensor partner) = Bipartite.Partners(unit, first, receiving, null);
            (Tensor merged, Tensor kept) = Bipartite.Split(best, r);
            (going, stay, targets) = (first.gather(1, merged), first.gather(1, kept), partner.gather(1, merged));
        }
        else
        {
            (going, receiving) = Variant == EnergyVariant.Plain
                ? (ranks[.., TensorIndex.Slice(0, 2 * r, 2)], ranks[.., TensorIndex.Slice(1, 2 * r, 2)])
                : (ranks.narrow(1, 0, r), ranks.narrow(1, r, r));
            stay = ranks.narrow(1, 2 * r, patches - (2 * r));
            (_, targets) = Bipartite.Partners(unit, going, receiving, null);
        }

        Tensor anchors = cat([special, stay + Special, receiving + Special], 1);
        return new TokenMap(scope.MoveToOuter(anchors), scope.MoveToOuter(going + Special), scope.MoveToOuter(targets + (Special + stay.shape[1])), count);
    }

    private Tensor Patches(Tensor metric) => TokenMetrics.Unit(metric, Special).narrow(1, Special, metric.shape[^2] - Special);

    private Tensor Energies(Tensor unit)
    {
        Tensor likeness = matmul(unit, unit.transpose(1, 2));
        Tensor shifted = likeness - Margin;
        double deviation = 1 - Margin;
        Tensor parts = Kernel switch
        {
            EnergyKernel.EluShifted => where(shifted.gt(0), shifted, shifted.exp().sub(1).mul(Alpha)),
            EnergyKernel.Paper => where(shifted.ge(0), likeness, shifted.exp().sub(1).mul(Alpha)),
            _ => ((1 - likeness) / deviation).square().mul(-0.5).exp().div(deviation * Math.Sqrt(2 * Math.PI)),
        };
        return parts.mean([-1]);
    }
}
