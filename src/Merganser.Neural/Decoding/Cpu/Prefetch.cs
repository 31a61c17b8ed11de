using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>
/// Asks for memory that will be read soon. Kernels with several instructions for a few bytes look too short a way ahead by themselves: with
/// 256-bit vectors this gives them a tenth more speed. Float32 products, which wait for memory only, and all with 512 bits are better without.
/// </summary>
internal static unsafe class Prefetch
{
    private const int Ahead = 1024;

    /// <summary>The cache line some way behind an address; addresses outside the memory do no harm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Behind(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0((byte*)address + Ahead);
    }
}
