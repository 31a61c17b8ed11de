using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens.Matching;

namespace Merganser.Neural.Tokens;

/// <summary>
/// PiToMe ("Accelerating Transformers with Spectrum-Preserving Token Merging", arXiv 2405.16148): like ToMe, but only tokens of high energy,
/// those in large similar clusters, may merge; Eᵢ = meanⱼ ELU(cos(kᵢ, kⱼ) − m). Better than ToMe where many tokens leave.
/// </summary>
/// <remarks>
/// Of T tokens without the special ones ⌊T − T·ratio⌋ leave in every block, the same ratio everywhere, from ½ to 1; with a number per block at
/// most T/2. Defaults follow the authors' code for ViT and DeiT, where it departs from the paper: margins 0.75(1 − i/L) in block i of L,
/// the bipartite variant in the first half of the blocks and the plain one after, no proportional attention. A distillation token is
/// protected like the class token.
/// </remarks>
public sealed class PiToMe : TokenReducer
{
    /// <summary>With the choices of the authors' code.</summary>
    public PiToMe() => ProportionalAttention = false;

    /// <summary>What tokens are compared by.</summary>
    public TokenMetric Metric { get; init; } = TokenMetric.KeyMean;

    /// <summary>m of the first block; it falls in a line to 0 behind the last. From 0 to below 1.</summary>
    public double Margin
    {
        get;
        init => field = value is >= 0 and < 1 ? value : throw new ArgumentOutOfRangeException(nameof(Margin), value, "margins are from 0 to below 1");
    } = 0.75;

    /// <summary>One margin per block in place of the line.</summary>
    public IReadOnlyList<double>? Margins
    {
        get;
        init => field = value is null || value.All(margin => margin is >= 0 and < 1) ? value : throw new ArgumentOutOfRangeException(nameof(Margins), "margins are from 0 to below 1");
    }

    /// <summary>α of the energy, above 0.</summary>
    public double Alpha { get; init; } = 1;

    /// <summary>The variant of all blocks; left out: bipartite in the first half, plain in the second.</summary>
    public EnergyVariant? Variant { get; init; }

    /// <summary>The order of the halves is the other way round, as for models from masked pre-training: plain first.</summary>
    public bool PlainFirst { get; init; }

    /// <summary>What likeness adds to the energy.</summary>
    public EnergyKernel Kernel { get; init; }

    /// <summary>Sources are dropped in place of merged.</summary>
    public bool Prunes { get; init; }

    /// <summary>The distillation token of DeiT is kept like the class token; the authors' code treats it as a patch.</summary>
    public bool ProtectsDistillation { get; init; } = true;

    /// <inheritdoc/>
    public override AttentionWish Wish => TokenMetrics.Wish(Metric);

    /// <inheritdoc/>
    protected internal override long Removed(int block, long count, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        if (Schedule.Ratio < 0.5)
            throw new ArgumentException($"PiToMe merges pairs: the ratio that a block keeps is from 0.5 to 1, not {Schedule.Ratio}");
        if (Margins is not null && Margins.Count != shape.Blocks)
            throw new ArgumentException($"there are {Margins.Count} margins for {shape.Blocks} blocks");
        return base.Removed(block, count, shape);
    }

    /// <inheritdoc/>
    protected override long Counted(long count, VisionShape shape) => count - Special(shape);

    /// <inheritdoc/>
    protected override long Removable(long count, VisionShape shape) => Math.Max(0, (count - Special(shape)) / 2);

    /// <inheritdoc/>
    protected override TokenMap? Plan(ReductionStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        int blocks = step.Shape.Blocks;
        bool early = step.Block < (blocks + 1) / 2;
        var matcher = new EnergyMatcher
        {
            Special = Special(step.Shape),
            Margin = Margins?[step.Block] ?? Margin * (1 - ((double)step.Block / blocks)),
            Alpha = Alpha,
            Kernel = Kernel,
            Variant = Variant ?? (early == PlainFirst ? EnergyVariant.Plain : EnergyVariant.Bipartite),
        };
        return matcher.Match(TokenMetrics.Of(Metric, step.State, step.Attention), step.Remove);
    }

    /// <inheritdoc/>
    protected override TokenState Apply(TokenState state, TokenMap map) => Prunes ? state.Pruned(map) : state.Merged(map);

    private int Special(VisionShape shape) => ProtectsDistillation ? shape.SpecialTokens : Math.Min(1, shape.SpecialTokens);
}
