namespace Merganser.Checkpoints;

/// <summary>The tensors of one model, whatever files they lie in. Reads headers at once and tensor bytes when asked.</summary>
public sealed class Checkpoint : IDisposable
{
    private readonly Dictionary<string, TensorSource> _tensors;

    /// <summary>Makes a checkpoint of tensors; takes over the files.</summary>
    public Checkpoint(string path, IEnumerable<TensorSource> tensors, IReadOnlyList<CheckpointFile> files)
    {
        Path = path;
        Files = files;
        _tensors = tensors.ToDictionary(tensor => tensor.Info.Name, StringComparer.Ordinal);
    }

    /// <summary>The folder or file that was opened.</summary>
    public string Path { get; }

    /// <summary>The files that hold the tensors, in ordinal order of their names.</summary>
    public IReadOnlyList<CheckpointFile> Files { get; }

    /// <summary>All tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorSource> Tensors => _tensors;

    /// <summary>The <c>__metadata__</c> of the safetensors file, of the first shard when there are several; empty for other formats.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (CheckpointFile file in Files)
            file.Dispose();
    }
}
