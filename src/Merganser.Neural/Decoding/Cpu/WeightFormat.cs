namespace Merganser.Neural.Decoding.Cpu;

/// <summary>How the matrices of a packed model are stored.</summary>
public enum WeightFormat
{
    /// <summary>32-bit floats: 4 bytes per weight.</summary>
    Float32,

    /// <summary>bfloat16, rounded to nearest even: 2 bytes per weight; sums are 32-bit floats.</summary>
    BFloat16,

    /// <summary>
    /// 8-bit integers with one scale per row, w ≈ q·max|row|/127: 1 byte per weight. The vector is rounded to 16-bit integers with one scale,
    /// sums are exact 32-bit integers.
    /// </summary>
    Int8,
}

internal static class WeightFormats
{
    public static int Bytes(this WeightFormat format) => format switch
    {
        WeightFormat.Float32 => 4,
        WeightFormat.BFloat16 => 2,
        _ => 1,
    };
}
