namespace Merganser.Weights.Selection;

/// <summary>
/// Sets a part of a task vector to 0. It may ask for scans of the task vector first, like a <see cref="TensorMerger"/>;
/// every pass after them visits the tensor in order, possibly twice (a rescaling needs the sums before the result).
/// </summary>
internal abstract class Sparsifier
{
    /// <summary>How the task vector must be cut.</summary>
    public virtual Granularity Granularity => Granularity.Elements;

    /// <summary>True when <see cref="Apply"/> keeps no state.</summary>
    public virtual bool IsStateless => false;

    /// <summary>The scan that is needed next.</summary>
    public virtual ScanRequest NextScan() => ScanRequest.None;

    /// <summary>Looks at a part of the task vector.</summary>
    public virtual void Scan(ReadOnlySpan<float> delta)
    {
    }

    /// <summary>Called before every pass of <see cref="Apply"/>.</summary>
    public virtual void BeginPass()
    {
    }

    /// <summary>Sets the dropped elements to 0.</summary>
    /// <param name="delta">Elements of the task vector.</param>
    /// <param name="start">The index of the first of them in the tensor.</param>
    public abstract void Apply(Span<float> delta, long start);
}

/// <summary>Drops everything.</summary>
internal sealed class DropEverything : Sparsifier
{
    public override bool IsStateless => true;

    public override void Apply(Span<float> delta, long start) => delta.Clear();
}

/// <summary>Keeps what a given mask keeps: one byte for an element, 0 to drop it.</summary>
internal sealed class GivenMask(byte[] mask) : Sparsifier
{
    /// <summary>The mask that the context gives for a model; null when it gives none.</summary>
    /// <exception cref="MerganserException">The mask has another length than the tensor.</exception>
    public static GivenMask? Find(TensorContext tensor, int model)
    {
        if (tensor.InjectedMask?.Invoke(tensor.Name, model) is not { } mask)
            return null;
        return mask.Length == tensor.ElementCount
            ? new GivenMask(mask)
            : throw new MerganserException($"{tensor.Name}: the given mask of {tensor.Models[model]} has {mask.Length} entries, the tensor {tensor.ElementCount}");
    }

    public override bool IsStateless => true;

    public override void Apply(Span<float> delta, long start)
    {
        ReadOnlySpan<byte> kept = mask.AsSpan(checked((int)start), delta.Length);
        for (int i = 0; i < delta.Length; i++)
        {
            if (kept[i] == 0)
                delta[i] = 0;
        }
    }
}

/// <summary>Keeps every element with the same probability, independently (DARE).</summary>
internal sealed class RandomSparsifier(DrawStream draws, double density) : Sparsifier
{
    private readonly uint _threshold = DrawStream.Threshold(density);

    public override bool IsStateless => true;

    public override void Apply(Span<float> delta, long start) => draws.KeepBelow(_threshold, start, delta);
}

/// <summary>Keeps the k largest magnitudes; of equal ones those with the lower index (TIES).</summary>
internal sealed class LargestSparsifier(long count, long kept) : Sparsifier
{
    private readonly MagnitudeSelect _select = new(count, kept);
    private MagnitudeCut _cut;

    public override ScanRequest NextScan() => _select.NextScan();

    public override void Scan(ReadOnlySpan<float> delta) => _select.Scan(delta);

    public override void BeginPass() => _cut = _select.Cut;

    public override void Apply(Span<float> delta, long start) => _cut.Keep(delta);
}

/// <summary>Drops the k smallest magnitudes and everything that equals the largest of them (the original DARE code).</summary>
internal sealed class AboveSmallestSparsifier(long count, long dropped) : Sparsifier
{
    private readonly MagnitudeSelect _select = new(count, dropped > 0 ? count - dropped + 1 : long.MaxValue);

    public override bool IsStateless => true;

    public override ScanRequest NextScan() => _select.NextScan();

    public override void Scan(ReadOnlySpan<float> delta) => _select.Scan(delta);

    public override void Apply(Span<float> delta, long start)
    {
        if (dropped > 0)
            MagnitudeCut.KeepAbove(delta, _select.Cut.Threshold);
    }
}

/// <summary>Drops the largest and the smallest magnitudes (breadcrumbs).</summary>
internal sealed class MiddleSparsifier(long count, long largestDropped, long smallestDropped) : Sparsifier
{
    private readonly MagnitudeSelect _kept = new(count, smallestDropped > 0 ? count - smallestDropped : long.MaxValue);
    private readonly MagnitudeSelect _outliers = new(count, largestDropped);
    private bool _keptWants;
    private bool _outliersWant;
    private MagnitudeCut _keptCut;
    private MagnitudeCut _outlierCut;

    public override ScanRequest NextScan()
    {
        ScanRequest kept = _kept.NextScan();
        ScanRequest outliers = _outliers.NextScan();
        _keptWants = kept != ScanRequest.None;
        _outliersWant = outliers != ScanRequest.None;
        return kept == ScanRequest.None || (_outliersWant && outliers.Stride < kept.Stride) ? outliers : kept;
    }

    public override void Scan(ReadOnlySpan<float> delta)
    {
        if (_keptWants)
            _kept.Scan(delta);
        if (_outliersWant)
            _outliers.Scan(delta);
    }

    public override void BeginPass()
    {
        _keptCut = _kept.Cut;
        _outlierCut = _outliers.Cut;
    }

    public override void Apply(Span<float> delta, long start)
    {
        // In this order: where both cuts fall on the same value, the ties that the first one drops come after those of the second.
        _keptCut.Keep(delta);
        _outlierCut.Drop(delta);
    }
}
