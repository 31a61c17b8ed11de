using Merganser.Neural.Tokens.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <content>
/// Rows that receive nothing are copied bit by bit. Sums of 16-bit rows are taken in float32. Means of float32 rows on the processor that
/// need no gradient are own code over their memory; all else is tensor operations.
/// </content>
public sealed partial class TokenMap
{
    /// <summary>x[anchor] + Σ x[source], [B, N, C] → [B, M, C].</summary>
    public Tensor Sum(Tensor x)
    {
        Check(x);
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(EdgeCount == 0 ? Rows(x, Anchors) : Summed(Wide(x)).to(x.dtype));
    }

    /// <summary>The plain mean over anchor and sources, not weighted with sizes.</summary>
    public Tensor Mean(Tensor x)
    {
        Check(x);
        if (RowMerging.Serves(x) && Lists() is { } lists)
            return RowMerging.Mean(lists, x, null, wantsSize: false).Rows;
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = Wide(x), members = Summed(ones([x.shape[0], Count, 1], dtype: wide.dtype, device: x.device));
        return scope.MoveToOuter(Where(members, Summed(wide) / members, x));
    }

    /// <summary>The mean weighted with sizes: Σ sᵢxᵢ / Σ sᵢ, and Σ sᵢ.</summary>
    /// <param name="x">[B, N, C].</param>
    /// <param name="size">What each token stands for, float32 [B, N, 1]; left out: one each.</param>
    /// <returns>[B, M, C] and float32 [B, M, 1].</returns>
    public (Tensor Rows, Tensor Size) Mean(Tensor x, Tensor? size)
    {
        Check(x);
        if (size is not null)
            Check(size);
        if (RowMerging.Serves(x) && (size is null || RowMerging.Serves(size)) && Lists() is { } lists)
        {
            (Tensor means, Tensor? sums) = RowMerging.Mean(lists, x, size, wantsSize: true);
            return (means, sums!);
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor weights = size ?? ones([x.shape[0], Count, 1], dtype: ScalarType.Float32, device: x.device);
        Tensor total = Summed(weights);
        Tensor members = Summed(ones_like(weights));
        return (scope.MoveToOuter(Where(members, Summed(Wide(x) * weights) / total, x)), scope.MoveToOuter(total));
    }

    /// <summary>The largest value per column: for masks.</summary>
    public Tensor Max(Tensor x)
    {
        Check(x);
        using DisposeScope scope = NewDisposeScope();
        Tensor result = Rows(x, Anchors), moved = Rows(x, Sources), targets = Index(Targets, x);
        for (long edge = 0; edge < EdgeCount; edge++)
        {
            Tensor target = targets.narrow(1, edge, 1);
            result = result.scatter(1, target, maximum(result.gather(1, target), moved.narrow(1, edge, 1)));
        }

        return scope.MoveToOuter(result);
    }

    /// <summary>The anchors alone: sources are dropped.</summary>
    public Tensor Prune(Tensor x)
    {
        Check(x);
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(Rows(x, Anchors));
    }

    /// <summary>The way back, [B, M, C] → [B, N, C]: every token gets a copy of the row it went into; dropped ones get zeros.</summary>
    public Tensor Expand(Tensor merged)
    {
        ArgumentNullException.ThrowIfNull(merged);
        if (merged.dim() != 3 || merged.shape[1] != GroupCount)
            throw new ArgumentException($"merged rows are [batch, {GroupCount}, width], not [{string.Join(", ", merged.shape)}]", nameof(merged));
        using DisposeScope scope = NewDisposeScope();
        Tensor groups = Groups(), rows = Rows(merged, groups.clamp_min(0));
        return scope.MoveToOuter(rows.masked_fill(groups.lt(0).unsqueeze(-1), 0));
    }

    private Tensor Summed(Tensor wide)
    {
        Tensor result = Rows(wide, Anchors);
        return EdgeCount == 0 ? result : result.scatter_add(1, Index(Targets, wide), Rows(wide, Sources));
    }

    private Tensor Where(Tensor members, Tensor merged, Tensor x) => where(members.gt(1), merged.to(x.dtype), Rows(x, Anchors));

    private static Tensor Wide(Tensor x) => x.dtype is ScalarType.Float16 or ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x;

    private static Tensor Rows(Tensor x, Tensor index) => x.gather(1, Index(index, x));

    private static Tensor Index(Tensor index, Tensor x) => index.unsqueeze(-1).expand(x.shape[0], index.shape[1], x.shape[2]);

    private void Check(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.dim() != 3 || x.shape[1] != Count || (Batch != 1 && x.shape[0] != Batch))
            throw new ArgumentException($"rows are [{(Batch == 1 ? "batch" : Batch)}, {Count}, width], not [{string.Join(", ", x.shape)}]", nameof(x));
    }
}
