using System.Runtime.CompilerServices;

namespace Merganser.Checkpoints.Casting;

/// <summary>A floating-point format of at most 32 bits: how its bits become those of a binary32 and back.</summary>
internal interface IFloatFormat
{
    /// <summary>Bytes of one element.</summary>
    static abstract int Size { get; }

    /// <summary>Exact: raw elements, one in each lane, to binary32 bits.</summary>
    static abstract TLanes Widen<TLanes>(TLanes raw)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Binary32 bits to raw elements, to nearest with ties to even.</summary>
    static abstract TLanes Narrow<TLanes>(TLanes bits)
        where TLanes : struct, ILanes<TLanes>;
}

/// <summary>binary32 itself.</summary>
internal readonly struct SingleFormat : IFloatFormat
{
    public static int Size => 4;

    public static TLanes Widen<TLanes>(TLanes raw)
        where TLanes : struct, ILanes<TLanes> => raw;

    public static TLanes Narrow<TLanes>(TLanes bits)
        where TLanes : struct, ILanes<TLanes> => bits;
}

/// <summary>bfloat16. Bits that came from a bfloat16 go back unchanged, signalling NaNs included; a NaN that loses payload bits becomes quiet.</summary>
internal readonly struct BFloat16Format : IFloatFormat
{
    public static int Size => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Widen<TLanes>(TLanes raw)
        where TLanes : struct, ILanes<TLanes> => raw << 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Narrow<TLanes>(TLanes bits)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes upper = bits >>> 16;
        TLanes rounded = (bits + TLanes.All(0x7FFF) + (upper & TLanes.All(1))) >>> 16;

        TLanes magnitude = bits & TLanes.All(0x7FFFFFFF);
        TLanes infinity = TLanes.All(0x7F800000);
        if (!TLanes.AnyGreater(magnitude, infinity))
            return rounded;

        // Rounding would carry a NaN's payload into the sign. It cannot when the low half is zero, so only lost bits make it quiet.
        TLanes lost = TLanes.Min(bits & TLanes.All(0xFFFF), TLanes.All(1)) << 6;
        return TLanes.Select(TLanes.Greater(magnitude, infinity), upper | lost, rounded);
    }
}

/// <summary>The fields of a format narrower than binary32.</summary>
internal interface ISmallFloatLayout
{
    static abstract int ExponentBits { get; }

    static abstract int MantissaBits { get; }

    /// <summary>True for IEEE-like formats; false when the top exponent holds numbers and only all ones is a NaN.</summary>
    static abstract bool HasInfinity { get; }
}

/// <summary>binary16.</summary>
internal readonly struct HalfLayout : ISmallFloatLayout
{
    public static int ExponentBits => 5;

    public static int MantissaBits => 10;

    public static bool HasInfinity => true;
}

/// <summary>OCP E4M3, the "fn" kind: no infinities, largest number 448.</summary>
internal readonly struct E4M3Layout : ISmallFloatLayout
{
    public static int ExponentBits => 4;

    public static int MantissaBits => 3;

    public static bool HasInfinity => false;
}

/// <summary>OCP E5M2: the upper byte of a binary16.</summary>
internal readonly struct E5M2Layout : ISmallFloatLayout
{
    public static int ExponentBits => 5;

    public static int MantissaBits => 2;

    public static bool HasInfinity => true;
}
