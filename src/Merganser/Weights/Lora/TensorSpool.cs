using Merganser.Checkpoints;

namespace Merganser.Weights.Lora;

/// <summary>
/// Tensors whose number and shapes are known only at the end: they wait in a file and are then written as safetensors.
/// </summary>
internal sealed class TensorSpool : IDisposable
{
    private const int ChunkBytes = 256 * 1024;

    private readonly string _path;
    private readonly FileStream _file;
    private readonly List<TensorInfo> _tensors = [];
    private readonly List<long> _offsets = [];
    private readonly byte[] _buffer = new byte[ChunkBytes];

    public TensorSpool(string path)
    {
        _path = path;
        _file = Guard(() => new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, ChunkBytes));
    }

    public IReadOnlyList<TensorInfo> Tensors => _tensors;

    /// <summary>Adds values, rounded to the tensor's type.</summary>
    public void Add(TensorInfo info, ReadOnlySpan<float> values)
    {
        byte[] bytes = TensorSources.ToBytes(values, info.DType);
        Begin(info);
        Guard(() => _file.Write(bytes));
    }

    /// <summary>Adds another file's tensor under a new name.</summary>
    public void Copy(TensorSource source, string name)
    {
        Begin(new TensorInfo(name, source.Info.DType, source.Info.Shape));
        for (long offset = 0; offset < source.Info.ByteCount; offset += ChunkBytes)
        {
            int length = (int)Math.Min(ChunkBytes, source.Info.ByteCount - offset);
            source.Read(offset, _buffer.AsSpan(0, length));
            Guard(() => _file.Write(_buffer, 0, length));
        }
    }

    /// <summary>Writes all tensors to <paramref name="path"/> by way of <paramref name="folder"/>, which must lie on the same disk.</summary>
    public void WriteTo(string path, string folder)
    {
        ShardLayout layout = ShardLayout.Create(_tensors, 0);
        string inner = Path.Combine(folder, "tensors.part");
        using (CheckpointWriter writer = CheckpointWriter.Create(inner, layout, resume: false))
        {
            for (int i = 0; i < _tensors.Count; i++)
            {
                Guard(() => _file.Position = _offsets[i]);
                for (long offset = 0; offset < _tensors[i].ByteCount; offset += ChunkBytes)
                {
                    int length = (int)Math.Min(ChunkBytes, _tensors[i].ByteCount - offset);
                    Guard(() => _file.ReadExactly(_buffer, 0, length));
                    writer.Write(i, offset, _buffer.AsSpan(0, length));
                }
            }

            writer.Complete(sync: false);
        }

        Guard(() =>
        {
            File.Move(Path.Combine(inner, layout.Files[0].Name), path);
            Directory.Delete(inner, recursive: true);
        });
        Dispose();
    }

    public void Dispose()
    {
        _file.Dispose();
        Guard(() => File.Delete(_path));
    }

    private void Begin(TensorInfo info)
    {
        _tensors.Add(info);
        _offsets.Add(_file.Position);
    }

    private void Guard(Action action) => Guard(() =>
    {
        action();
        return 0;
    });

    private T Guard<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{_path}: cannot be written: {e.Message}", e);
        }
    }
}
