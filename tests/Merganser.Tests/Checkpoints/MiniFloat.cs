using Merganser.Checkpoints;

namespace Merganser.Tests.Checkpoints;

/// <summary>Small floats by their definition, in doubles, where all sums and halves of them are exact.</summary>
internal static class MiniFloat
{
    private static readonly Dictionary<DType, double[]> Magnitudes = new()
    {
        [DType.F16] = Finite(DType.F16),
        [DType.BF16] = Finite(DType.BF16),
        [DType.F8E4M3] = Finite(DType.F8E4M3),
        [DType.F8E5M2] = Finite(DType.F8E5M2),
    };

    public static double Decode(DType type, uint pattern)
    {
        (int exponentBits, int mantissaBits) = Fields(type);
        int bias = (1 << (exponentBits - 1)) - 1;
        double sign = (pattern >> (exponentBits + mantissaBits)) == 0 ? 1 : -1;
        int exponent = (int)(pattern >> mantissaBits) & ((1 << exponentBits) - 1);
        int mantissa = (int)pattern & ((1 << mantissaBits) - 1);
        bool top = exponent == (1 << exponentBits) - 1;
        if (type == DType.F8E4M3 ? top && mantissa == 7 : top && mantissa != 0)
            return double.NaN;
        if (top && type != DType.F8E4M3)
            return sign * double.PositiveInfinity;
        return exponent == 0
            ? sign * mantissa * Math.Pow(2, 1 - bias - mantissaBits)
            : sign * (1 + mantissa * Math.Pow(2, -mantissaBits)) * Math.Pow(2, exponent - bias);
    }

    /// <summary>The pattern nearest to a number that is not NaN; of two equally near ones the even one.</summary>
    public static uint Encode(DType type, double value)
    {
        (int exponentBits, int mantissaBits) = Fields(type);
        uint sign = double.IsNegative(value) ? 1u << (exponentBits + mantissaBits) : 0;
        double[] magnitudes = Magnitudes[type];
        double magnitude = Math.Abs(value);

        // What would be the next number if the exponent had no end decides where overflow begins.
        double step = magnitudes[^1] - magnitudes[^2];
        if (magnitude >= magnitudes[^1] + step / 2)
        {
            bool tieToEven = magnitude == magnitudes[^1] + step / 2 && (magnitudes.Length - 1) % 2 == 0;
            return sign | (uint)(tieToEven ? magnitudes.Length - 1 : magnitudes.Length);
        }

        int at = Array.BinarySearch(magnitudes, magnitude);
        if (at >= 0)
            return sign | (uint)at;
        int above = ~at;
        if (above == magnitudes.Length)
            return sign | (uint)(above - 1);
        double up = magnitudes[above] - magnitude, down = magnitude - magnitudes[above - 1];
        return sign | (uint)(up < down || (up == down && above % 2 == 0) ? above : above - 1);
    }

    private static (int Exponent, int Mantissa) Fields(DType type) => type switch
    {
        DType.F16 => (5, 10),
        DType.BF16 => (8, 7),
        DType.F8E4M3 => (4, 3),
        DType.F8E5M2 => (5, 2),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private static double[] Finite(DType type)
    {
        var values = new List<double>();
        for (uint pattern = 0; double.IsFinite(Decode(type, pattern)); pattern++)
            values.Add(Decode(type, pattern));
        return [.. values];
    }
}
