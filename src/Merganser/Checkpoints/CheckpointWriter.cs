using Microsoft.Win32.SafeHandles;

namespace Merganser.Checkpoints;

/// <summary>
/// Writes the files of a <see cref="ShardLayout"/> by position, from any thread and in any order. The files get their headers
/// and their final lengths at once, with disk space reserved where the file system can, so that a full disk shows up before
/// the work. The caller writes into a working folder and renames it when <see cref="Complete"/> has returned.
/// </summary>
public sealed class CheckpointWriter : IDisposable
{
    // Larger single writes make some kernels allocate huge pages and run several times slower.
    private const int LargestWrite = 512 * 1024;

    private readonly string _folder;
    private readonly SafeFileHandle[] _handles;
    private readonly bool[] _kept;

    private CheckpointWriter(string folder, ShardLayout layout)
    {
        _folder = folder;
        Layout = layout;
        _handles = new SafeFileHandle[layout.Files.Count];
        _kept = new bool[layout.Files.Count];
    }

    /// <summary>The plan of the files.</summary>
    public ShardLayout Layout { get; }

    /// <summary>
    /// Creates the folder and the files, or opens them again. With <paramref name="resume"/> a file whose header and length are
    /// those of the layout is kept as it is (<see cref="IsKept"/>); any other is begun anew, and its tensors must all be written.
    /// </summary>
    /// <exception cref="MerganserException">The folder cannot be written or the disk is full.</exception>
    public static CheckpointWriter Create(string folder, ShardLayout layout, bool resume)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(layout);
        Guard(folder, "cannot be created", () => Directory.CreateDirectory(folder));
        var writer = new CheckpointWriter(folder, layout);
        try
        {
            for (int i = 0; i < writer._handles.Length; i++)
                writer.OpenFile(i, resume);
            return writer;
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    /// <summary>True when resuming found file <paramref name="file"/> with the right header and length, so that its tensors may be there already.</summary>
    public bool IsKept(int file) => _kept[file];

    /// <summary>Writes bytes of a tensor; threads may write different parts at the same time.</summary>
    /// <param name="tensor">The tensor's index in the layout.</param>
    /// <param name="byteOffset">Where the bytes begin in the tensor.</param>
    /// <param name="bytes">The bytes; they must end within the tensor.</param>
    /// <exception cref="MerganserException">The disk is full or fails.</exception>
    public void Write(int tensor, long byteOffset, ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, Layout.Tensors[tensor].ByteCount - bytes.Length);
        TensorPlace place = Layout.Place(tensor);
        WriteAt(place.File, place.Offset + byteOffset, bytes);
    }

    /// <summary>Reads back bytes of a tensor.</summary>
    /// <exception cref="MerganserException">The file ends early or the disk fails.</exception>
    public void Read(int tensor, long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, Layout.Tensors[tensor].ByteCount - destination.Length);
        TensorPlace place = Layout.Place(tensor);
        long offset = place.Offset + byteOffset;
        try
        {
            while (!destination.IsEmpty)
            {
                int read = RandomAccess.Read(_handles[place.File], destination, offset);
                if (read == 0)
                    throw new MerganserException($"{PathOf(place.File)}: ends at offset {offset}; was it changed while it was written?");
                destination = destination[read..];
                offset += read;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{PathOf(place.File)}: cannot be read back at offset {offset}: {e.Message}", e);
        }
    }

    /// <summary>Writes the index when there are several files.</summary>
    /// <param name="sync">True to wait until everything is on the disk and would survive a power failure; otherwise the system writes it in its own time.</param>
    /// <exception cref="MerganserException">The disk is full or fails.</exception>
    public void Complete(bool sync)
    {
        for (int i = 0; sync && i < _handles.Length; i++)
        {
            SafeFileHandle handle = _handles[i];
            Guard(PathOf(i), "cannot be brought to the disk", () => RandomAccess.FlushToDisk(handle));
        }

        if (!Layout.HasIndex)
            return;
        string index = Path.Join(_folder, "model.safetensors.index.json");
        Guard(index, "cannot be written", () =>
        {
            using SafeFileHandle handle = File.OpenHandle(index, FileMode.Create, FileAccess.Write);
            RandomAccess.Write(handle, Layout.IndexJson(), 0);
            if (sync)
                RandomAccess.FlushToDisk(handle);
        });
    }

    /// <summary>Closes the files; what has not been written reads as zeros.</summary>
    public void Dispose()
    {
        foreach (SafeFileHandle? handle in _handles)
            handle?.Dispose();
    }

    private void OpenFile(int file, bool resume)
    {
        ShardFile plan = Layout.Files[file];
        string path = PathOf(file);
        Guard(path, "cannot be created", () =>
        {
            if (resume && TryKeep(path, plan) is { } kept)
            {
                _handles[file] = kept;
                _kept[file] = true;
                return;
            }

            _handles[file] = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read, FileOptions.None, plan.Length);
            RandomAccess.SetLength(_handles[file], plan.Length);
        });
        if (!_kept[file])
            WriteAt(file, 0, plan.Header.AsSpan());
    }

    private static SafeFileHandle? TryKeep(string path, ShardFile plan)
    {
        if (!File.Exists(path))
            return null;
        SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        if (RandomAccess.GetLength(handle) == plan.Length)
        {
            byte[] header = new byte[plan.Header.Length];
            int read = 0;
            for (int more = 1; more > 0 && read < header.Length; read += more)
                more = RandomAccess.Read(handle, header.AsSpan(read), read);
            if (read == header.Length && plan.Header.AsSpan().SequenceEqual(header))
                return handle;
        }

        handle.Dispose();
        return null;
    }

    private void WriteAt(int file, long offset, ReadOnlySpan<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty)
            {
                ReadOnlySpan<byte> piece = bytes[..Math.Min(bytes.Length, LargestWrite)];
                RandomAccess.Write(_handles[file], piece, offset);
                bytes = bytes[piece.Length..];
                offset += piece.Length;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{PathOf(file)}: cannot be written at offset {offset}: {e.Message}", e);
        }
    }

    private string PathOf(int file) => Path.Join(_folder, Layout.Files[file].Name);

    private static void Guard(string path, string what, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentOutOfRangeException)
        {
            throw new MerganserException($"{path}: {what}: {(e is ArgumentOutOfRangeException ? "it would be too large for this file system" : e.Message)}", e);
        }
    }
}
