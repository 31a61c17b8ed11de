namespace Merganser.Checkpoints;

/// <summary>
/// A tensor whose bytes can be read in any order, by several threads at once: a range of a file, memory, or something
/// computed on the fly (an adapter applied to a matrix). Whatever reads tensors takes this.
/// </summary>
public abstract class TensorSource
{
    /// <summary>Name, element type and shape.</summary>
    public abstract TensorInfo Info { get; }

    /// <summary>Where the tensor comes from, for messages: a path.</summary>
    public abstract string Origin { get; }

    /// <summary>Fills <paramref name="destination"/> with the bytes that begin at <paramref name="byteOffset"/> of the tensor.</summary>
    /// <exception cref="MerganserException">The file became shorter or unreadable.</exception>
    public abstract void Read(long byteOffset, Span<byte> destination);

    /// <summary>The file and the offset in it when the bytes are a plain range of a file, so that they can be copied without decoding.</summary>
    public virtual (CheckpointFile File, long Offset)? Range => null;
}
