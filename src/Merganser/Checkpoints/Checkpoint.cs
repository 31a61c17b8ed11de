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

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (CheckpointFile file in Files)
            file.Dispose();
    }
}
