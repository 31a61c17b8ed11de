namespace Merganser.Weights.Selection;

/// <summary>Keeps the k largest magnitudes; of equal ones those with the lower index (TIES).</summary>
internal sealed unsafe class LargestSparsifier(long count, long kept) : Sparsifier
{
    private readonly MagnitudeSelect _select = new(count, kept);
    private MagnitudeCut _cut;
    private MagnitudeCut _marked;

    public override bool CanScanStored => _select.CanScanStored;

    public override bool CanSelectStored => true;

    public override ScanRequest NextScan() => _select.NextScan();

    public override void Scan(ReadOnlySpan<float> delta) => _select.Scan(delta);

    public override void ScanStored(ushort* origin, ushort* model, int count)
    {
        int* scratch = stackalloc int[StoredCollect.MaxElements + LanePacker.Spare];
        for (int begin = 0; begin < count; begin += StoredCollect.MaxElements)
            _select.Scan(origin + begin, model + begin, Math.Min(StoredCollect.MaxElements, count - begin), scratch);
    }

    public override void BeginPass(bool isLast) => _cut = _select.Cut;

    public override void Apply(Span<float> delta, long start) => _cut.Keep(delta);

    public override void SelectStored(ushort* origin, ushort* model, long start, int count, byte* bits) => _cut.Select(origin, model, count, bits);

    public override void Mark() => _marked = _cut;

    public override void Rewind() => _cut = _marked;
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
internal sealed unsafe class MiddleSparsifier(long count, long largestDropped, long smallestDropped) : Sparsifier
{
    private readonly MagnitudeSelect _kept = new(count, smallestDropped > 0 ? count - smallestDropped : long.MaxValue);
    private readonly MagnitudeSelect _outliers = new(count, largestDropped);
    private bool _keptWants;
    private bool _outliersWant;
    private (MagnitudeCut Kept, MagnitudeCut Outliers) _cuts;
    private (MagnitudeCut Kept, MagnitudeCut Outliers) _marked;

    public override bool CanScanStored => (!_keptWants || _kept.CanScanStored) && (!_outliersWant || _outliers.CanScanStored);

    public override bool CanSelectStored => true;

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

    public override void ScanStored(ushort* origin, ushort* model, int count)
    {
        int* scratch = stackalloc int[StoredCollect.MaxElements + LanePacker.Spare];
        for (int begin = 0; begin < count; begin += StoredCollect.MaxElements)
        {
            int part = Math.Min(StoredCollect.MaxElements, count - begin);
            if (_keptWants && _outliersWant)
                MagnitudeSelect.Scan(_kept, _outliers, origin + begin, model + begin, part, scratch);
            else
                (_keptWants ? _kept : _outliers).Scan(origin + begin, model + begin, part, scratch);
        }
    }

    public override void BeginPass(bool isLast) => _cuts = (_kept.Cut, _outliers.Cut);

    public override void Apply(Span<float> delta, long start)
    {
        // In this order: where both cuts fall on the same value, the ties that the first one drops come after those of the second.
        _cuts.Kept.Keep(delta);
        _cuts.Outliers.Drop(delta);
    }

    public override void SelectStored(ushort* origin, ushort* model, long start, int count, byte* bits)
    {
        byte* outliers = stackalloc byte[(StoredCollect.MaxElements / 8) + StoredBits.Spare];
        _cuts.Kept.Select(origin, model, count, bits);
        _cuts.Outliers.Select(origin, model, count, outliers);
        StoredBits.Remove(outliers, bits, (count + 7) / 8);
    }

    public override void Mark() => _marked = _cuts;

    public override void Rewind() => _cuts = _marked;
}
