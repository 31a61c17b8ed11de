using System.Runtime.InteropServices;

namespace Merganser.Weights.Execution;

/// <summary>Native memory that one thread reuses for tile after tile; grows, never shrinks until it is disposed.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    /// <summary>Vectors load fastest from addresses that are multiples of a cache line.</summary>
    private const int Alignment = 64;

    private void* _pointer;
    private nuint _capacity;

    /// <summary>Room for at least <paramref name="bytes"/> bytes; earlier contents may be lost.</summary>
    public void* Rent(long bytes)
    {
        if ((nuint)bytes > _capacity)
        {
            NativeMemory.AlignedFree(_pointer);
            _pointer = null;
            _capacity = 0;
            _pointer = NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            _capacity = (nuint)bytes;
        }

        return _pointer;
    }

    /// <summary>Gives back a buffer that grew beyond <paramref name="bytes"/>.</summary>
    public void Trim(long bytes)
    {
        if (_capacity > (nuint)bytes)
            Dispose();
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        _capacity = 0;
    }
}
