using Microsoft.Win32.SafeHandles;

namespace Merganser.Checkpoints;

/// <summary>An open, read-only file of a checkpoint, read by position from any thread.</summary>
public sealed class CheckpointFile : IDisposable
{
    private readonly SafeFileHandle _handle;

    private CheckpointFile(string path, SafeFileHandle handle, long length)
    {
        Path = path;
        _handle = handle;
        Length = length;
    }

    /// <summary>The path as it was given.</summary>
    public string Path { get; }

    /// <summary>The length in bytes when the file was opened.</summary>
    public long Length { get; }

    internal SafeFileHandle Handle => _handle;

    /// <summary>Opens a file for reading by position.</summary>
    /// <exception cref="MerganserException">There is no such file or it may not be read.</exception>
    public static CheckpointFile Open(string path)
    {
        try
        {
            SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.None);
            return new CheckpointFile(path, handle, RandomAccess.GetLength(handle));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new MerganserException($"{path}: cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/>.</summary>
    /// <exception cref="MerganserException">The file ends early or the disk fails.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                int read = RandomAccess.Read(_handle, destination, offset);
                if (read == 0)
                    throw new MerganserException($"{Path}: ends at offset {offset}, {destination.Length} bytes early; was it changed while it was read?");
                destination = destination[read..];
                offset += read;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{Path}: cannot be read at offset {offset}: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
