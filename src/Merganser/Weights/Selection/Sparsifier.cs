namespace Merganser.Weights.Selection;

/// <summary>
/// Sets a part of a task vector to 0. It may ask for scans of the task vector first, like a <see cref="TensorMerger"/>;
/// every pass after them visits the tensor in order, possibly twice (a rescaling needs the sums before the result).
/// </summary>
internal abstract unsafe class Sparsifier
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

    /// <summary>Called before every pass of <see cref="Apply"/> or <see cref="SelectStored"/>.</summary>
    /// <param name="isLast">False when another pass over the whole tensor will follow.</param>
    public virtual void BeginPass(bool isLast)
    {
    }

    /// <summary>Sets the dropped elements to 0.</summary>
    /// <param name="delta">Elements of the task vector.</param>
    /// <param name="start">The index of the first of them in the tensor.</param>
    public abstract void Apply(Span<float> delta, long start);

    /// <summary>True when the scan that is wanted may be fed by <see cref="ScanStored"/>.</summary>
    public virtual bool CanScanStored => false;

    /// <summary>Looks at a part of the task vector of stored bfloat16 numbers, instead of <see cref="Scan"/>.</summary>
    public virtual void ScanStored(ushort* origin, ushort* model, int count) => throw new NotSupportedException();

    /// <summary>True when <see cref="SelectStored"/> may be called instead of <see cref="Apply"/>.</summary>
    public virtual bool CanSelectStored => false;

    /// <summary>The elements of one call of <see cref="SelectStored"/>, fewer at the end of the tensor only; those that rank rows choose whole rows.</summary>
    public virtual int StoredElements => StoredCollect.MaxElements;

    /// <summary>Sets the bits of the kept elements of a task vector of stored bfloat16 numbers, and no others.</summary>
    /// <param name="origin">The base.</param>
    /// <param name="model">The model.</param>
    /// <param name="start">The index of the first element in the tensor.</param>
    /// <param name="count">Elements.</param>
    /// <param name="bits">One bit for each, the first lowest; <see cref="StoredBits.Spare"/> bytes behind them may be overwritten.</param>
    public virtual void SelectStored(ushort* origin, ushort* model, long start, int count, byte* bits) => throw new NotSupportedException();

    /// <summary>Remembers where the pass is.</summary>
    public virtual void Mark()
    {
    }

    /// <summary>Goes back there, when a part that was selected must be applied after all.</summary>
    public virtual void Rewind()
    {
    }
}

/// <summary>Drops everything.</summary>
internal sealed unsafe class DropEverything : Sparsifier
{
    public override bool IsStateless => true;

    public override bool CanSelectStored => true;

    public override void SelectStored(ushort* origin, ushort* model, long start, int count, byte* bits) => new Span<byte>(bits, (count + 7) / 8).Clear();

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
