using System.Runtime.InteropServices;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>
/// One block of native memory for everything that a decoder streams through, aligned to 2 MiB and marked for huge pages where the system
/// has them: with small pages a memory-bound product loses up to a quarter of its speed to address translation. Pieces are handed out one
/// after another and freed together. Memory that nobody wrote is zero.
/// </summary>
internal sealed unsafe partial class PackedWeights : IDisposable
{
    /// <summary>Every piece begins at a multiple of this: a cache line, and the widest vector.</summary>
    public const int Alignment = 64;

    private const int HugePage = 2 << 20;
    private const int AdviseHugePages = 14;

    private readonly long _length;
    private byte* _memory;
    private long _used;

    public PackedWeights(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        _length = checked(bytes + HugePage - 1) / HugePage * HugePage;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)_length, HugePage);
        if (OperatingSystem.IsLinux())
            _ = Advise(_memory, (nuint)_length, AdviseHugePages); // Only a wish: without it the pages are small.
        NativeMemory.Clear(_memory, (nuint)_length);
        GC.AddMemoryPressure(_length);
    }

    ~PackedWeights() => Free();

    /// <summary>The bytes that were reserved.</summary>
    public long Bytes => _length;

    /// <summary>The bytes that a piece takes, rounding included.</summary>
    public static long Rounded(long bytes) => checked(bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>The next piece.</summary>
    public byte* Take(long bytes)
    {
        ObjectDisposedException.ThrowIf(_memory is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        long rounded = Rounded(bytes);
        if (rounded > _length - _used)
            throw new InvalidOperationException($"{bytes} bytes were asked for; {_length - _used} of {_length} are left");
        byte* piece = _memory + _used;
        _used += rounded;
        return piece;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_memory is null)
            return;
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        GC.RemoveMemoryPressure(_length);
    }

    [LibraryImport("libc", EntryPoint = "madvise"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(void* address, nuint length, int advice);
}
