using System.Numerics.Tensors;
using Merganser.Weights.Execution;

namespace Merganser.Weights.Methods;

/// <summary>
/// PCB-Merging, "Parameter Competition Balancing for Model Merging", arXiv 2410.02396. Changes T (tasks × d) are clamped to their
/// quantiles, <c>A = clamp(|T|)</c>, <c>C = sign(T)·A</c>; <c>intra = exp(n·norm(A)²)</c> rates a change within its task, <c>inter</c> how it agrees
/// with the others, <c>P = intra·inter</c>. Only the share r with the largest P of a task counts: <c>S = norm(clamp(P from its (1 − r) quantile))</c>, and
/// <c>θ* = θ0 + Σ λᵢ Cᵢ Sᵢ / max(Σ Sᵢ, 10⁻¹²)</c>.
/// </summary>
/// <remarks>
/// <c>variant</c> says which published script is followed: <c>main</c> (default; clamp 10⁻⁴, <c>inter = tanh(T·ΣT)</c>), <c>es</c> (clamp 0.01,
/// <c>inter = Σⱼ tanh(Nᵢ Nⱼ)</c> with N = sign(T)·norm(A), nearest to the paper), <c>vision</c> (clamp 0.01, <c>inter = tanh(T·ΣN)</c>). <c>pcb_ratio</c> r in
/// (0, 1], default 0.1 (the scripts for vision use 0.05). <c>lambda</c> (per task, default 1.2). <c>clamp</c>: share clamped at both ends, below 0.5;
/// negative (the default) for the variant's own. <c>scope</c>: <c>model</c> (default: quantiles over all tensors together) or <c>tensor</c>.
/// With <c>scope: model</c> all options but <c>lambda</c> must be the same for all tensors. Equal magnitudes throughout a task give norm = 0; a task whose P are all equal contributes nothing.
/// Bounds are found exactly, with bounded memory: in one pass after a look at a sample for <c>main</c> (in four more should the sample mislead), in four for the others. exp(n) must fit: at most 88 tasks.
/// </remarks>
public sealed class Pcb : MergeMethod
{
    private static readonly MethodParameter Ratio = MethodParameter.Global("pcb_ratio", 0.1, "share of a task's changes that counts") with { Minimum = double.Epsilon, Maximum = 1 };
    private static readonly MethodParameter Lambda = MethodParameter.ForModel("lambda", 1.2, "factor of the task");
    private static readonly MethodParameter Clamp = MethodParameter.Global("clamp", -1, "share clamped at both ends; negative for the variant's own") with { Minimum = -1, Maximum = 0.5 };
    private static readonly MethodParameter Variant = MethodParameter.Choice("variant", "which of the published scripts", "main", "es", "vision");
    private static readonly MethodParameter Scope = MethodParameter.Choice("scope", "quantiles over the model or over each tensor", "model", "tensor");

    /// <inheritdoc/>
    public override string Name => "pcb";

    /// <inheritdoc/>
    public override string Summary => "fine-tunes of one base: only changes that win the competition within and between tasks";

    /// <inheritdoc/>
    public override string Paper => "PCB-Merging, arXiv 2410.02396";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Ratio, Lambda, Clamp, Variant, Scope];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override int MaxModels => 88;

    /// <inheritdoc/>
    public override ModelStatistics? BeginModel(IReadOnlyList<TensorContext> tensors)
    {
        TensorContext[] common = [.. tensors.Where(tensor => !tensor.IsOn(Scope))];
        if (common.Length == 0)
            return null;
        foreach (TensorContext tensor in common)
        {
            foreach (MethodParameter parameter in (MethodParameter[])[Ratio, Clamp, Variant])
            {
                if (tensor.Get(parameter) != common[0].Get(parameter))
                    throw new MerganserException($"{tensor.Name}: '{parameter.Name}' differs from that of {common[0].Name}; with 'scope: model' it must be the same everywhere (or set 'scope: tensor')");
            }

            if (tensor.Models.Length != common[0].Models.Length)
                throw new MerganserException($"{tensor.Name}: has {tensor.Models.Length} models, {common[0].Name} has {common[0].Models.Length}; with 'scope: model' all tensors need the same models");
        }

        return new Statistics(Balance(common[0], common.Sum(tensor => tensor.ElementCount)));
    }

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics)
    {
        float[] lambdas = [.. tensor.GetAll(Lambda).Select(lambda => (float)lambda)];
        return tensor.IsOn(Scope)
            ? new Merger(Balance(tensor, tensor.ElementCount), lambdas, tensor.Rounding, scans: true)
            : new Merger(((Statistics)statistics!).Balance, lambdas, tensor.Rounding, scans: false);
    }

    private static PcbBalance Balance(TensorContext tensor, long count)
    {
        var variant = (PcbVariant)(int)tensor.Get(Variant);
        double clamp = tensor.Get(Clamp);
        return new PcbBalance(tensor.Models.Length, count, variant, tensor.Get(Ratio), clamp >= 0 ? clamp : variant == PcbVariant.Main ? 0.0001 : 0.01);
    }

    private sealed class Statistics(PcbBalance balance) : ModelStatistics
    {
        public PcbBalance Balance => balance;

        public override ScanRequest NextScan() => balance.NextScan(Threads);

        public override TensorScan? Begin(TensorContext tensor) => tensor.IsOn(Scope) ? null : new Pass(balance);

        public override void EndScan(IReadOnlyList<TensorScan> scans)
        {
        }
    }

    private sealed class Pass(PcbBalance balance) : TensorScan, IBFloat16Merger
    {
        public bool TryApply(in BFloat16Tile tile) => false;

        public bool TryScan(in BFloat16Tile tile) => balance.TryScan(tile);

        public override void Scan(in Tile tile) => balance.Scan(tile);
    }

    private sealed class Merger(PcbBalance balance, float[] lambdas, Rounding rounding, bool scans) : TensorMerger, IBFloat16Merger
    {
        public override bool IsStateless => !scans;

        public override ScanRequest NextScan() => scans ? balance.NextScan() : ScanRequest.None;

        public override void Scan(in Tile tile) => balance.Scan(tile);

        public bool TryScan(in BFloat16Tile tile) => balance.TryScan(tile);

        public bool TryApply(in BFloat16Tile tile) => !rounding.IsNarrow && balance.TryApply(tile, lambdas);

        public override void Apply(in Tile tile)
        {
            balance.Apply(tile, lambdas);
            TensorPrimitives.Add(tile.Output, tile.Base, tile.Output);
            rounding.Apply(tile.Output);
        }
    }
}
