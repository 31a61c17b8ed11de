using Merganser.Neural.Tokens.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Matching;

/// <summary>
/// ToMe's bipartite soft matching ("Token Merging: Your ViT But Faster", arXiv 2210.09461): tokens at even places look for the most similar
/// token at an odd place (cosine), the r best pairs merge.
/// </summary>
/// <remarks>
/// Out come the even tokens that stay and then the odd ones. With a class token the former keep their order, so that it stays first; without
/// one they are in the order of likeness, as in the authors' code. A distillation token stays second.
/// </remarks>
public sealed class AlternatingMatcher : ITokenMatcher
{
    /// <summary>Tokens at the beginning that never merge: 0, 1 (class) or 2 (class, distillation).</summary>
    public int Special
    {
        get;
        init => field = value is >= 0 and <= 2 ? value : throw new ArgumentOutOfRangeException(nameof(Special), value, "there are 0 to 2 special tokens: class and distillation");
    }

    /// <summary>Further tokens that never merge, by index.</summary>
    public IReadOnlyList<int> Protected { get; init; } = [];

    /// <inheritdoc/>
    public long Removable(long count)
    {
        long most = Math.Max(0, (count - Special) / 2);
        if (Protected.Count == 0)
            return most;
        HashSet<long> hidden = [.. Protected.Where(index => index < count).Select(index => (long)index), .. Enumerable.Range(0, Special).Select(index => (long)index)];
        long odd = hidden.Count(index => index % 2 == 1);
        return odd == count / 2 ? 0 : Math.Min(most, ((count + 1) / 2) - (hidden.Count - odd));
    }

    /// <inheritdoc/>
    public TokenMap? Match(Tensor metric, long remove)
    {
        ArgumentNullException.ThrowIfNull(metric);
        ArgumentOutOfRangeException.ThrowIfNegative(remove);
        // Keys of several heads are taken too, [B, H, N, D]: their sum has the direction of their mean.
        TokenMetrics.Check(metric, Special);
        if (Protected.Any(index => index < 0))
            throw new ArgumentException("protected tokens are indices from 0", nameof(metric));
        long count = metric.shape[^2], r = Math.Min(remove, Removable(count));
        if (r <= 0)
            return null;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGrad = no_grad();
        if (CpuMatching.TryRows(metric, out Tensor held, out CpuMatching.Rows rows))
        {
            bool[]? hidden = Hidden(count);
            unsafe
            {
                TokenMap planned = CpuMatching.Plan(rows, (int)(count - r), (int)r, (unit, image, lists) => CpuMatching.Alternating(unit, image, lists, rows.Depth, Special, hidden));
                GC.KeepAlive(held);
                return planned;
            }
        }

        Device device = metric.device;
        Tensor even = arange(0, count, 2, ScalarType.Int64, device).unsqueeze(0), odd = arange(1, count, 2, ScalarType.Int64, device).unsqueeze(0);
        (Tensor best, Tensor partner) = Bipartite.Partners(TokenMetrics.Unit(metric, Special), even, odd, Mask(count, device));
        (Tensor merged, Tensor kept) = Bipartite.Split(best, r);
        if (Special > 0)
            kept = kept.sort(1).Values;
        Tensor stay = Bipartite.Tokens(even, kept), receive = odd.expand(best.shape[0], -1), targets = partner.gather(1, merged);
        long staying = stay.shape[1];
        Tensor anchors;
        if (Special < 2)
        {
            (anchors, targets) = (cat([stay, receive], 1), targets + staying);
        }
        else
        {
            // The distillation token never receives, so targets begin at the second odd token.
            anchors = cat([stay.narrow(1, 0, 1), receive.narrow(1, 0, 1), stay.narrow(1, 1, staying - 1), receive.narrow(1, 1, receive.shape[1] - 1)], 1);
            targets += staying;
        }

        return new TokenMap(scope.MoveToOuter(anchors.contiguous()), scope.MoveToOuter(Bipartite.Tokens(even, merged).contiguous()), scope.MoveToOuter(targets), count);
    }

    private Tensor? Mask(long count, Device device) => Hidden(count) is { } hidden ? tensor(hidden, [1, count]).to(device) : null;

    /// <summary>True at protected tokens; null if there are none.</summary>
    private bool[]? Hidden(long count)
    {
        if (Special == 0 && Protected.Count == 0)
            return null;
        bool[] hidden = new bool[count];
        hidden.AsSpan(0, Special).Fill(true);
        foreach (int index in Protected.Where(index => index < count))
            hidden[index] = true;
        return hidden;
    }
}
