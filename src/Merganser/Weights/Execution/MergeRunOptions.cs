namespace Merganser.Weights.Execution;

/// <summary>How a plan is carried out. None of these changes a byte of the result, shard size apart.</summary>
public sealed record MergeRunOptions
{
    /// <summary>Worker threads; the number of processors by default.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Bytes that whole-tensor methods may hold at the same time; default 1.5 GiB. Streaming methods need a few MB.</summary>
    public long MemoryBytes { get; init; } = 3L << 29;

    /// <summary>
    /// Bytes of inputs that all threads together may have mapped at a time, for methods that read tensors twice; default 512 MiB.
    /// 0 to read only: a failing disk or a file server that goes away then gives an error where a mapping ends the process.
    /// </summary>
    public long MappedBytes { get; init; } = 1L << 29;

    /// <summary>The most tensor bytes in one output file; 0 for no limit. Default 5 GB.</summary>
    public long ShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Bytes of each input that are read at a time; 4 KiB to 64 MiB, default 256 KiB.</summary>
    public int ChunkBytes { get; init; } = 256 << 10;

    /// <summary>Goes on with an interrupted run of the same plan.</summary>
    public bool Resume { get; init; }

    /// <summary>Replaces an output folder that exists.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Reads the result back before it gets its name and compares it with what was computed.</summary>
    public bool Verify { get; init; }

    /// <summary>Waits until the result is on the disk before it gets its name: it then survives a power failure too, at the speed of the disk.</summary>
    public bool Sync { get; init; }

    /// <summary>Lets NaN and infinities in the inputs pass with a warning.</summary>
    public bool AllowNonFinite { get; init; }

    /// <summary>Receives one-line warnings, from any thread.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Counters that a display may read while the run goes on.</summary>
    public MergeProgress Progress { get; init; } = new();

    /// <summary>Stops the run; what was done can be resumed.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>Counters of a run, written by the workers and read by a display.</summary>
public sealed class MergeProgress
{
    private long _bytesMoved;
    private long _bytesStored;
    private int _tensorsDone;

    /// <summary>Bytes of the output; 0 until the run begins.</summary>
    public long BytesTotal { get; internal set; }

    /// <summary>Tensors of the output.</summary>
    public int TensorsTotal { get; internal set; }

    /// <summary>What the run is doing now, in a word or two.</summary>
    public string Stage { get; internal set; } = "planning";

    /// <summary>Bytes read and written so far.</summary>
    public long BytesMoved => Volatile.Read(ref _bytesMoved);

    /// <summary>Bytes of the output that are stored.</summary>
    public long BytesStored => Volatile.Read(ref _bytesStored);

    /// <summary>Tensors that are finished.</summary>
    public int TensorsDone => Volatile.Read(ref _tensorsDone);

    /// <summary>Begins a piece of work that is not a merge, and gives what its parts report their bytes to.</summary>
    /// <param name="stage">What is done, in a word.</param>
    /// <param name="tensors">The number of tensors.</param>
    /// <param name="bytes">The bytes that will be reported in all.</param>
    public IProgress<long> Track(string stage, int tensors, long bytes)
    {
        Stage = stage;
        TensorsTotal = tensors;
        BytesTotal = bytes;
        return new Tracker(this);
    }

    internal void AddMoved(long bytes) => Interlocked.Add(ref _bytesMoved, bytes);

    internal void AddStored(long bytes) => Interlocked.Add(ref _bytesStored, bytes);

    internal void AddTensor() => Interlocked.Increment(ref _tensorsDone);

    private sealed class Tracker(MergeProgress progress) : IProgress<long>
    {
        public void Report(long value)
        {
            progress.AddMoved(value);
            progress.AddStored(value);
        }
    }
}

/// <summary>What a finished run did.</summary>
/// <param name="Folder">The output folder.</param>
/// <param name="BytesMoved">Bytes read and written.</param>
/// <param name="BytesStored">Bytes of tensors in the output.</param>
/// <param name="Resumed">Bytes that an earlier, interrupted run had stored already.</param>
/// <param name="Elapsed">The duration.</param>
public sealed record MergeReport(string Folder, long BytesMoved, long BytesStored, long Resumed, TimeSpan Elapsed);
