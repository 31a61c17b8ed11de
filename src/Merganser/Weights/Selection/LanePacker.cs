using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Merganser.Weights.Selection;

/// <summary>
/// Moves the wanted lanes of a vector to its front, so that one store of the whole vector appends them to a list: no
/// branch depends on the data. What is stored behind them is overwritten by the next store.
/// </summary>
internal static class LanePacker
{
    /// <summary>Room that a list needs behind its last entry.</summary>
    public const int Spare = 8;

    /// <summary>Moves the lanes whose bit is set to the front, in their order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Pack(Vector256<int> lanes, uint wanted) => Permute(lanes, Order(wanted));

    /// <summary>The order that moves a set of lanes to the front, for several vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Order(uint wanted)
    {
        ulong order = Unsafe.Add(ref MemoryMarshal.GetReference(LaneOrders.BySet), (nint)(wanted & 0xFF));
        if (Avx2.IsSupported)
            return Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(order).AsByte());

        Vector64<byte> bytes = Vector64.CreateScalar(order).AsByte();
        (Vector64<ushort> low, Vector64<ushort> high) = Vector64.Widen(bytes);
        return Vector256.Create(Wide(low), Wide(high)).AsInt32();
    }

    /// <summary>Moves lanes by an order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Permute(Vector256<int> lanes, Vector256<int> order) =>
        Avx2.IsSupported ? Avx2.PermuteVar8x32(lanes, order) : Vector256.Shuffle(lanes, order);

    private static Vector128<uint> Wide(Vector64<ushort> lanes)
    {
        (Vector64<uint> low, Vector64<uint> high) = Vector64.Widen(lanes);
        return Vector128.Create(low, high);
    }
}
