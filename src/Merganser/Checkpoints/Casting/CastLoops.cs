using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Checkpoints.Casting;

/// <summary>
/// The loops over spans, for every format and vector width. Lengths have been checked by the caller. They are optimised at their
/// first call, because the unoptimised code of so many small operators is fifty times slower.
/// </summary>
internal static class CastLoops
{
    private const uint MagnitudeMask = 0x7FFFFFFF;

    /// <summary>Widens with the widest vectors of the machine; gives the largest magnitude bits seen (0x7F800000 and above: not finite).</summary>
    public static uint Widen<TFormat>(ReadOnlySpan<byte> source, Span<float> destination)
        where TFormat : struct, IFloatFormat
    {
        if (Vector512.IsHardwareAccelerated)
            return Widen<TFormat, Lanes512>(source, destination);
        if (Vector256.IsHardwareAccelerated)
            return Widen<TFormat, Lanes256>(source, destination);
        return Vector128.IsHardwareAccelerated
            ? Widen<TFormat, Lanes128>(source, destination)
            : Widen<TFormat, ScalarLane>(source, destination);
    }

    /// <summary>Narrows with the widest vectors of the machine.</summary>
    public static void Narrow<TFormat>(ReadOnlySpan<float> source, Span<byte> destination)
        where TFormat : struct, IFloatFormat
    {
        if (Vector512.IsHardwareAccelerated)
            Narrow<TFormat, Lanes512>(source, destination);
        else if (Vector256.IsHardwareAccelerated)
            Narrow<TFormat, Lanes256>(source, destination);
        else if (Vector128.IsHardwareAccelerated)
            Narrow<TFormat, Lanes128>(source, destination);
        else
            Narrow<TFormat, ScalarLane>(source, destination);
    }

    /// <summary>Widens with a given vector width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Widen<TFormat, TLanes>(ReadOnlySpan<byte> source, Span<float> destination)
        where TFormat : struct, IFloatFormat
        where TLanes : struct, ILanes<TLanes>
    {
        ref byte from = ref MemoryMarshal.GetReference(source);
        ref byte to = ref Unsafe.As<float, byte>(ref MemoryMarshal.GetReference(destination));
        int count = destination.Length;
        int i = 0;
        TLanes first = TLanes.All(0), second = TLanes.All(0);
        TLanes mask = TLanes.All(MagnitudeMask);
        for (; i <= count - 2 * TLanes.Count; i += 2 * TLanes.Count)
        {
            TLanes a = TFormat.Widen(Load<TFormat, TLanes>(ref from, i));
            TLanes b = TFormat.Widen(Load<TFormat, TLanes>(ref from, i + TLanes.Count));
            a.Store32(ref Unsafe.Add(ref to, (nint)i * 4));
            b.Store32(ref Unsafe.Add(ref to, (nint)(i + TLanes.Count) * 4));
            first = TLanes.Max(first, a & mask);
            second = TLanes.Max(second, b & mask);
        }

        uint largest = TLanes.Max(first, second).Largest();
        for (; i < count; i++)
        {
            ScalarLane one = TFormat.Widen(Load<TFormat, ScalarLane>(ref from, i));
            one.Store32(ref Unsafe.Add(ref to, (nint)i * 4));
            largest = Math.Max(largest, (one & ScalarLane.All(MagnitudeMask)).Largest());
        }

        return largest;
    }

    /// <summary>Narrows with a given vector width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow<TFormat, TLanes>(ReadOnlySpan<float> source, Span<byte> destination)
        where TFormat : struct, IFloatFormat
        where TLanes : struct, ILanes<TLanes>
    {
        ref byte from = ref Unsafe.As<float, byte>(ref MemoryMarshal.GetReference(source));
        ref byte to = ref MemoryMarshal.GetReference(destination);
        int count = source.Length;
        int i = 0;
        for (; i <= count - 2 * TLanes.Count; i += 2 * TLanes.Count)
        {
            TLanes a = TFormat.Narrow(TLanes.Load32(ref Unsafe.Add(ref from, (nint)i * 4)));
            TLanes b = TFormat.Narrow(TLanes.Load32(ref Unsafe.Add(ref from, (nint)(i + TLanes.Count) * 4)));
            Store<TFormat, TLanes>(a, ref to, i);
            Store<TFormat, TLanes>(b, ref to, i + TLanes.Count);
        }

        for (; i < count; i++)
            Store<TFormat, ScalarLane>(TFormat.Narrow(ScalarLane.Load32(ref Unsafe.Add(ref from, (nint)i * 4))), ref to, i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Load<TFormat, TLanes>(ref byte from, int index)
        where TFormat : struct, IFloatFormat
        where TLanes : struct, ILanes<TLanes>
    {
        ref byte place = ref Unsafe.Add(ref from, (nint)index * TFormat.Size);
        return TFormat.Size switch { 1 => TLanes.Load8(ref place), 2 => TLanes.Load16(ref place), _ => TLanes.Load32(ref place) };
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TFormat, TLanes>(TLanes value, ref byte to, int index)
        where TFormat : struct, IFloatFormat
        where TLanes : struct, ILanes<TLanes>
    {
        ref byte place = ref Unsafe.Add(ref to, (nint)index * TFormat.Size);
        if (TFormat.Size == 1)
            value.Store8(ref place);
        else if (TFormat.Size == 2)
            value.Store16(ref place);
        else
            value.Store32(ref place);
    }
}
