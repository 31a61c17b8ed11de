using System.Runtime.CompilerServices;

namespace Merganser.Checkpoints.Casting;

/// <summary>
/// Floats with fewer exponent bits than binary32. Widening moves the fields into place and lets one exact multiplication shift
/// the exponent, which also normalises denormals. Narrowing rounds normal numbers in the integer domain and denormal ones by
/// adding a number whose last place is the format's smallest step.
/// </summary>
internal readonly struct SmallFloatFormat<TLayout> : IFloatFormat
    where TLayout : struct, ISmallFloatLayout
{
    private const uint InfinityBits = 0x7F800000;

    public static int Size => (1 + TLayout.ExponentBits + TLayout.MantissaBits) / 8;

    private static int Shift => 23 - TLayout.MantissaBits;

    private static int Bias => (1 << (TLayout.ExponentBits - 1)) - 1;

    private static uint SignBit => 1u << (TLayout.ExponentBits + TLayout.MantissaBits);

    private static uint MantissaMask => (1u << TLayout.MantissaBits) - 1;

    // The smallest pattern above all finite numbers: infinity, or the only NaN.
    private static uint Overflow => TLayout.HasInfinity ? SignBit - 1 - MantissaMask : SignBit - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Widen<TLanes>(TLanes raw)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes magnitude = raw & TLanes.All(SignBit - 1);
        TLanes sign = (raw & TLanes.All(SignBit)) << (31 - TLayout.ExponentBits - TLayout.MantissaBits);
        TLanes scaled = TLanes.MultiplySingle(magnitude << Shift, TLanes.All((uint)(127 + 127 - Bias) << 23));
        TLanes special = TLanes.Greater(magnitude, TLanes.All(Overflow - 1)) & TLanes.All(InfinityBits);
        return scaled | special | sign;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Narrow<TLanes>(TLanes bits)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes magnitude = bits & TLanes.All(0x7FFFFFFF);
        TLanes sign = (bits >>> 31) << (TLayout.ExponentBits + TLayout.MantissaBits);

        TLanes odd = (magnitude >>> Shift) & TLanes.All(1);
        TLanes rebias = TLanes.All(unchecked((uint)(Bias - 127) << 23) + (1u << (Shift - 1)) - 1);
        TLanes normal = TLanes.Min((magnitude + rebias + odd) >>> Shift, TLanes.All(Overflow));

        TLanes step = TLanes.All((uint)(127 - Bias + 1 + Shift) << 23);
        TLanes denormal = TLanes.AddSingle(magnitude, step) - step;
        TLanes isNormal = TLanes.Greater(magnitude, TLanes.All(((uint)(128 - Bias) << 23) - 1));
        TLanes result = TLanes.Select(isNormal, normal, denormal);

        TLanes isNaN = TLanes.Greater(magnitude, TLanes.All(InfinityBits));
        return TLanes.Select(isNaN, NotANumber(magnitude), result) | sign;
    }

    // Keeps the upper payload bits; a NaN that loses some becomes quiet, so it cannot turn into an infinity.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes NotANumber<TLanes>(TLanes magnitude)
        where TLanes : struct, ILanes<TLanes>
    {
        if (!TLayout.HasInfinity)
            return TLanes.All(Overflow);
        TLanes lost = TLanes.Min(magnitude & TLanes.All((1u << Shift) - 1), TLanes.All(1)) << (TLayout.MantissaBits - 1);
        return ((magnitude >>> Shift) & TLanes.All(MantissaMask)) | lost | TLanes.All(Overflow);
    }
}
