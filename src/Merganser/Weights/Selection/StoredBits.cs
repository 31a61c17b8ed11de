using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Merganser.Weights.Selection;

/// <summary>
/// Sixteen stored bfloat16 numbers as one vector, and masks over them. Read as eight words of 32 bits, shifting left gives
/// the even elements as float32 and masking the odd ones: no shuffles are needed, and results are joined the same way.
/// </summary>
internal static unsafe class StoredBits
{
    /// <summary>Elements of a vector.</summary>
    public const int Width = 16;

    /// <summary>Bytes that may be written or read behind the last bit of a mask.</summary>
    public const int Spare = 8;

    /// <summary>Clears the sign of a float32.</summary>
    public const int AbsoluteMask = 0x7FFFFFFF;

    /// <summary>The even elements as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Even(Vector256<uint> words) => (words << 16).AsSingle();

    /// <summary>The odd elements as float32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Odd(Vector256<uint> words) => (words & Vector256.Create(0xFFFF0000u)).AsSingle();

    /// <summary>The lower halves of the first and the upper halves of the second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Join(Vector256<int> lower, Vector256<int> upper) => Avx2.IsSupported
        ? Avx2.Blend(lower.AsInt16(), upper.AsInt16(), 0xAA)
        : ((lower & Vector256.Create(0xFFFF)) | (upper & Vector256.Create(unchecked((int)0xFFFF0000)))).AsInt16();

    /// <summary>Lanes of the first where the mask is −1, of the second where it is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Select(Vector256<short> mask, Vector256<short> chosen, Vector256<short> other) =>
        Avx2.IsSupported ? Avx2.BlendVariable(other, chosen, mask) : Vector256.ConditionalSelect(mask, chosen, other);

    /// <summary>Lanes of the first where the mask is −1, of the second where it is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Select(Vector256<float> mask, Vector256<float> chosen, Vector256<float> other) =>
        Avx.IsSupported ? Avx.BlendVariable(other, chosen, mask) : Vector256.ConditionalSelect(mask, chosen, other);

    /// <summary>Rounds to bfloat16, to nearest and ties to even; right for everything but NaN with payload bits in the lower half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Round(Vector256<float> even, Vector256<float> odd) =>
        Join((Rounded(even) >>> 16).AsInt32(), Rounded(odd).AsInt32()).AsUInt16();

    /// <summary>One bit for each of 32 elements from masks of 0 and −1, the first element lowest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Pack(Vector256<short> first, Vector256<short> second)
    {
        Vector256<sbyte> bytes = Avx2.IsSupported
            ? Avx2.Permute4x64(Avx2.PackSignedSaturate(first, second).AsInt64(), 0b11_01_10_00).AsSByte()
            : Vector256.Narrow(first, second);
        return Vector256.ExtractMostSignificantBits(bytes);
    }

    /// <summary>A mask of 0 and −1 from the bits of sixteen elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Unpack(byte* bits, int index)
    {
        Vector256<short> places = Vector256.Create(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, short.MinValue);
        return Vector256.Equals(Vector256.Create(*(short*)(bits + (index >> 3))) & places, places);
    }

    /// <summary>Clears the bits that are set in another mask.</summary>
    public static void Remove(byte* removed, byte* bits, int bytes)
    {
        int index = 0;
        for (; index <= bytes - sizeof(ulong); index += sizeof(ulong))
            *(ulong*)(bits + index) &= ~*(ulong*)(removed + index);
        for (; index < bytes; index++)
            bits[index] &= (byte)~removed[index];
    }

    /// <summary>The change of one element, for what is left behind the last vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Delta(ushort* origin, ushort* model, int index) =>
        BitConverter.UInt32BitsToSingle((uint)model[index] << 16) - BitConverter.UInt32BitsToSingle((uint)origin[index] << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Rounded(Vector256<float> value)
    {
        Vector256<uint> bits = value.AsUInt32();
        return bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256<uint>.One);
    }
}
