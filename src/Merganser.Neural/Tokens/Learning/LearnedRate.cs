using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Learning;

/// <summary>
/// A number of tokens that can be learned (DiffRate, arXiv 2305.17997): candidates n, n−g, n−2g, … &gt; 0 patches with probabilities
/// p = softmax(z); K = ⌈Σ pₖcₖ⌉ + 1, the class token included, at most n + 1. Gradients go through the rounding and the mask as if
/// they were not there.
/// </summary>
public sealed class LearnedRate : IDisposable
{
    private readonly long _patches;

    /// <summary>A rate; all candidates are equally probable at first.</summary>
    /// <param name="patches">n.</param>
    /// <param name="granularity">g, 1 or more.</param>
    /// <param name="isFixed">There is one candidate, n: nothing leaves, nothing is learned.</param>
    /// <param name="device">Where z is.</param>
    public LearnedRate(long patches, int granularity, bool isFixed = false, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(patches);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(granularity);
        (_patches, IsFixed) = (patches, isFixed);
        long count = isFixed ? 1 : (patches + granularity - 1) / granularity;
        Candidates = (patches - (arange(count, dtype: ScalarType.Float32, device: device) * granularity)).DetachFromDisposeScope();
        Logits = zeros([count], dtype: ScalarType.Float32, device: device, requires_grad: true).DetachFromDisposeScope();
    }

    /// <summary>z, float32.</summary>
    public Tensor Logits { get; }

    /// <summary>c, float32: numbers of patches.</summary>
    public Tensor Candidates { get; }

    /// <summary>Nothing can be learned here.</summary>
    public bool IsFixed { get; }

    /// <summary>K, one number with a gradient.</summary>
    public Tensor Kept()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor expected = (Logits.softmax(-1) * Candidates).sum() + 1;
        Tensor rounded = (expected.detach() - 1).ceil().add(1).clamp_max(_patches + 1);
        return scope.MoveToOuter(expected + (rounded - expected).detach());
    }

    /// <summary>K as a whole number.</summary>
    public int KeptNow()
    {
        using DisposeScope scope = NewDisposeScope();
        return (int)Math.Round(Kept().detach().ToSingle());
    }

    /// <summary>How probable it is that the class token and each patch by rank are kept, [n + 1]: Σ pₖ over the candidates with rank &lt; cₖ + 1.</summary>
    public Tensor Probability()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor ranks = arange(_patches + 1, dtype: ScalarType.Float32, device: Logits.device).unsqueeze(1);
        return scope.MoveToOuter(matmul(ranks.lt(Candidates + 1).to(ScalarType.Float32), Logits.softmax(-1)));
    }

    /// <summary>Which ranks stay, [n + 1]: 1 below K, 0 from K to before <paramref name="alive"/>, 1 from there on; the gradient is that of <see cref="Probability"/>.</summary>
    /// <param name="alive">The tokens that are left so far.</param>
    public Tensor Mask(long alive)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor probability = Probability(), hard = ones_like(probability).detach();
        int kept = KeptNow();
        if (kept < alive)
            hard.narrow(0, kept, Math.Min(alive, _patches + 1) - kept).zero_();
        return scope.MoveToOuter(hard + (probability - probability.detach()));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Logits.Dispose();
        Candidates.Dispose();
    }
}
