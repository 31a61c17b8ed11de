using Merganser.Checkpoints;

namespace Merganser.Weights.Execution;

/// <summary>
/// The inputs of one tensor mapped into memory, for passes over the same bytes: the first costs as much as reading, later
/// ones half. Before a chunk is used the file's length is checked, so that a file that was cut short gives an error and not a signal.
/// </summary>
internal sealed unsafe class MappedInputs : IDisposable
{
    private readonly TensorSource?[] _sources;
    private readonly MappedTensor?[] _maps;

    private MappedInputs(TensorSource?[] sources)
    {
        _sources = sources;
        _maps = new MappedTensor?[sources.Length];
    }

    /// <summary>Maps the base (slot 0, where there is one) and the models; null when one is not a plain range of a file or all together have more than <paramref name="mostBytes"/> bytes.</summary>
    /// <exception cref="MerganserException">A file has changed or cannot be mapped.</exception>
    public static MappedInputs? TryMap(TensorJob job, long mostBytes)
    {
        if (job.BytesRead > mostBytes)
            return null;
        var inputs = new MappedInputs([job.Base, .. job.Inputs]);
        if (!Array.TrueForAll(inputs._sources, source => source is null || (source.Range is not null && source.Info.ByteCount > 0)))
            return null;
        try
        {
            for (int slot = 0; slot < inputs._maps.Length; slot++)
                inputs._maps[slot] = inputs._sources[slot] is { } source ? MappedTensor.Map(source) : null;
            return inputs;
        }
        catch
        {
            inputs.Dispose();
            throw;
        }
    }

    /// <summary>Where bytes of an input lie. They may be read, not written, until <see cref="Dispose"/>.</summary>
    /// <exception cref="MerganserException">The file no longer holds them.</exception>
    public byte* At(int slot, long byteOffset, int length)
    {
        TensorSource source = _sources[slot]!;
        (CheckpointFile file, long start) = source.Range!.Value;
        if (RandomAccess.GetLength(file.Handle) < start + byteOffset + length)
            throw new MerganserException($"{file.Path}: ends within tensor '{source.Info.Name}', before offset {start + byteOffset + length}; was it changed while it was read?");
        fixed (byte* bytes = _maps[slot]!.Slice(byteOffset, length))
            return bytes; // Not memory of the runtime: it stays where it is.
    }

    public void Dispose()
    {
        foreach (MappedTensor? map in _maps)
            map?.Dispose();
    }
}
