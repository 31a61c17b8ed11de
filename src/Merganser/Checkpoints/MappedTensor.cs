using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints;

/// <summary>
/// The bytes of a tensor mapped into memory: spans over the file's pages, without a copy. It owns its mapping, which stays
/// valid when the checkpoint is closed first; spans are valid until <see cref="Dispose"/>, so keep it in a <c>using</c> as
/// long as they are used. If another process cuts the file short meanwhile, touching the lost pages ends the process: map
/// only files that nobody writes, and use <see cref="TensorSource.Read"/> for others.
/// </summary>
public sealed unsafe class MappedTensor : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start;
    private bool _disposed;

    private MappedTensor(TensorInfo info) => Info = info;

    private MappedTensor(TensorInfo info, CheckpointFile file, long offset)
        : this(info)
    {
        try
        {
            if (RandomAccess.GetLength(file.Handle) < offset + info.ByteCount)
                throw new MerganserException($"{file.Path}: tensor {Quoted.Name(info.Name)} at offset {offset} is no longer whole; was the file changed?");
            _file = MemoryMappedFile.CreateFromFile(file.Handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(offset, info.ByteCount, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
            _start += _view.PointerOffset;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            Dispose();
            throw new MerganserException($"{file.Path}: tensor {Quoted.Name(info.Name)} at offset {offset} cannot be mapped: {e.Message}", e);
        }
    }

    /// <summary>Name, element type and shape.</summary>
    public TensorInfo Info { get; }

    /// <summary>All bytes of the tensor.</summary>
    /// <exception cref="MerganserException">The tensor is larger than a span can be; use <see cref="Slice"/>.</exception>
    public ReadOnlySpan<byte> Bytes => Info.ByteCount <= int.MaxValue
        ? Slice(0, (int)Info.ByteCount)
        : throw new MerganserException($"tensor {Quoted.Name(Info.Name)} has {Info.ByteCount} bytes, too many for one span");

    /// <summary>Maps a tensor that is a plain range of a file.</summary>
    /// <exception cref="ArgumentException">The tensor is computed or scattered in its file; only <see cref="TensorSource.Read"/> gives it.</exception>
    /// <exception cref="MerganserException">The file has changed or cannot be mapped.</exception>
    public static MappedTensor Map(TensorSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Range is not (CheckpointFile file, long offset))
            throw new ArgumentException($"tensor {Quoted.Name(source.Info.Name)} is not a range of a file", nameof(source));
        return source.Info.ByteCount == 0 ? new MappedTensor(source.Info) : new MappedTensor(source.Info, file, offset);
    }

    /// <summary>A part of the bytes, for tensors beyond 2 GiB too.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It does not lie in the tensor.</exception>
    public ReadOnlySpan<byte> Slice(long byteOffset, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, Info.ByteCount - length);
        return new ReadOnlySpan<byte>(_start + byteOffset, length);
    }

    /// <summary>All elements, as a type of the same size: <c>float</c> for F32, <c>Half</c> or <c>ushort</c> for F16 and BF16.</summary>
    /// <exception cref="ArgumentException">The sizes differ.</exception>
    /// <exception cref="MerganserException">The tensor begins at an offset that is no multiple of its element size.</exception>
    public ReadOnlySpan<T> Elements<T>()
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Unsafe.SizeOf<T>() != Info.DType.Size())
            throw new ArgumentException($"{typeof(T).Name} is not as large as an element of {Info.DType.SafetensorsName()}");
        if ((nuint)_start % (nuint)Unsafe.SizeOf<T>() != 0)
            throw new MerganserException($"tensor {Quoted.Name(Info.Name)} is not aligned to its elements of {Unsafe.SizeOf<T>()} bytes: read a copy instead");
        return Info.ElementCount <= int.MaxValue
            ? new ReadOnlySpan<T>(_start, (int)Info.ElementCount)
            : throw new MerganserException($"tensor {Quoted.Name(Info.Name)} has {Info.ElementCount} elements, too many for one span");
    }

    /// <summary>Ends the mapping; spans must not be used any more.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (_start != null)
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _file?.Dispose();
    }
}
