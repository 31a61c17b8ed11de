using Merganser.Checkpoints;

namespace Merganser.Weights.Execution;

/// <summary>What a driver needs to know of the run.</summary>
internal sealed class DriverOptions
{
    /// <summary>Float buffers up to this size stay with a thread between tensors.</summary>
    public const long KeptFloatBytes = 4 << 20;

    /// <summary>Bytes of one input that are read at a time.</summary>
    public int ChunkBytes { get; init; } = 128 << 10;

    /// <summary>Inputs of one tensor that are read several times are mapped when they have at most so many bytes together.</summary>
    public long MappedBytes { get; init; }

    /// <summary>True to look for NaN and infinities in the inputs.</summary>
    public bool CheckFinite { get; init; }

    /// <summary>Called with the tensor and the index of a NaN or infinity.</summary>
    public Action<TensorSource, long> OnNonFinite { get; init; } = static (source, index) =>
        throw new MerganserException($"{source.Origin}: tensor '{source.Info.Name}' holds NaN or infinity at element {index}; mend the model or allow it with --allow-nonfinite");

    /// <summary>Called with the number of bytes read and written since the last call.</summary>
    public Action<long>? Moved { get; init; }

    /// <summary>Stops the run.</summary>
    public CancellationToken Cancellation { get; init; }
}
