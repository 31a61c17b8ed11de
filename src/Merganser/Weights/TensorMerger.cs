namespace Merganser.Weights;

/// <summary>How a merger wants its tiles cut.</summary>
public enum Granularity
{
    /// <summary>Runs of at most <see cref="Tile.MaxElements"/> elements.</summary>
    Elements,

    /// <summary>Whole rows (along the last axis), at least one, so many that about <see cref="Tile.MaxElements"/> elements are in a tile.</summary>
    Rows,

    /// <summary>The whole tensor in one tile.</summary>
    Tensor,
}

/// <summary>The next look at the inputs that a merger asks for before it can write.</summary>
/// <param name="Stride">1 to see everything; k to see one block of <see cref="BlockElements"/> elements out of every k.</param>
public readonly record struct ScanRequest(int Stride)
{
    /// <summary>The length of the blocks of a sparse scan.</summary>
    public const int BlockElements = 256;

    /// <summary>No further scan: write.</summary>
    public static ScanRequest None => default;

    /// <summary>One scan over the whole tensor.</summary>
    public static ScanRequest Full => new(1);

    /// <summary>A scan over evenly spread blocks that add up to at least <paramref name="elements"/> of the <paramref name="count"/> elements.</summary>
    public static ScanRequest Sample(long count, long elements) => new((int)Math.Clamp(count / Math.Max(1, elements), 1, int.MaxValue));
}

/// <summary>
/// Merges one tensor. It is driven by one thread: as long as <see cref="NextScan"/> asks for it, the inputs are streamed
/// through <see cref="Scan"/> in order of their elements; then once through <see cref="Apply"/>, again in order.
/// </summary>
public abstract class TensorMerger
{
    /// <summary>How tiles are cut.</summary>
    public virtual Granularity Granularity => Granularity.Elements;

    /// <summary>True when <see cref="Apply"/> keeps no state, so that tiles may come in any order and from several threads at once.</summary>
    public virtual bool IsStateless => false;

    /// <summary>Called before every pass: the scan that is needed next, <see cref="ScanRequest.None"/> to go on to <see cref="Apply"/>.</summary>
    public virtual ScanRequest NextScan() => ScanRequest.None;

    /// <summary>Looks at one tile of the inputs; there is no output yet.</summary>
    public virtual void Scan(in Tile tile)
    {
    }

    /// <summary>Writes all elements of the tile's output.</summary>
    public abstract void Apply(in Tile tile);
}

/// <summary>
/// Statistics over all tensors of a model (thresholds over the flat vector, …), gathered before the first tensor is merged.
/// Tensors are scanned by several threads, each tensor by one.
/// </summary>
public abstract class ModelStatistics
{
    /// <summary>The threads of the run, for work between passes; set before the first call of <see cref="NextScan"/>.</summary>
    public int Threads { get; internal set; } = 1;

    /// <summary>Called before every pass over the model: the scan that is needed next, or <see cref="ScanRequest.None"/>.</summary>
    public abstract ScanRequest NextScan();

    /// <summary>Makes the accumulator for one tensor in this pass; null when this tensor need not be seen.</summary>
    public abstract TensorScan? Begin(TensorContext tensor);

    /// <summary>Called after every pass with the accumulators in the order of the tensors, so that sums do not depend on threads.</summary>
    public abstract void EndScan(IReadOnlyList<TensorScan> scans);
}

/// <summary>The accumulator of one tensor during a pass over the model.</summary>
public abstract class TensorScan
{
    /// <summary>How tiles are cut.</summary>
    public virtual Granularity Granularity => Granularity.Elements;

    /// <summary>Looks at one tile of the inputs.</summary>
    public abstract void Scan(in Tile tile);
}
