using System.Buffers;

namespace Merganser.Neural.Tokens.Cpu;

/// <summary>A piece of memory for the time of one image, aligned for vectors. Pooled: fresh pages would cost more than the arithmetic.</summary>
internal readonly unsafe struct Scratch : IDisposable
{
    private const int Alignment = 64;
    private readonly float[] _array;
    private readonly System.Runtime.InteropServices.GCHandle _pin;

    public Scratch(int floats)
    {
        _array = ArrayPool<float>.Shared.Rent(floats + (Alignment / sizeof(float)));
        _pin = System.Runtime.InteropServices.GCHandle.Alloc(_array, System.Runtime.InteropServices.GCHandleType.Pinned);
        Start = (float*)(((nint)_pin.AddrOfPinnedObject() + Alignment - 1) & -Alignment);
    }

    /// <summary>The first number.</summary>
    public float* Start { get; }

    public void Dispose()
    {
        _pin.Free();
        ArrayPool<float>.Shared.Return(_array);
    }
}
