using System.IO.Hashing;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Merganser.Tokenizers;

/// <summary>The hash of byte strings in the tables of this room: two overlapping loads and two multiplications up to 16 bytes.</summary>
internal static class ByteHash
{
    private const ulong First = 0x9E3779B97F4A7C15;
    private const ulong Second = 0xC2B2AE3D27D4EB4F;

    public static ulong Compute(ReadOnlySpan<byte> bytes)
    {
        int length = bytes.Length;
        if (length > 16)
            return XxHash3.HashToUInt64(bytes);
        ref byte start = ref MemoryMarshal.GetReference(bytes);
        ulong low = 0;
        ulong high = 0;
        if (length >= 8)
        {
            low = Unsafe.ReadUnaligned<ulong>(ref start);
            high = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, length - 8));
        }
        else if (length >= 4)
        {
            low = Unsafe.ReadUnaligned<uint>(ref start);
            high = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref start, length - 4));
        }
        else if (length > 0)
        {
            low = start | ((ulong)Unsafe.Add(ref start, length >> 1) << 8) | ((ulong)Unsafe.Add(ref start, length - 1) << 16);
        }

        return Mix(low, high + (uint)length);
    }

    /// <summary>Mixes two words; the high and the low half of the result are both usable.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Mix(ulong low, ulong high)
    {
        ulong mixed = ((low ^ First) * Second) ^ (BitOperations.RotateLeft(high, 29) * First);
        mixed ^= mixed >> 32;
        mixed *= Second;
        return mixed ^ (mixed >> 29);
    }
}
