using Merganser.Checkpoints;

namespace Merganser.Weights;

/// <summary>
/// The places where mergekit, computing in a narrow type, rounds. In the native mode (<see cref="None"/>) nothing is
/// rounded before the result is stored. In strict mode a method calls <see cref="Apply(Span{float})"/> after each
/// elementary operation, which gives the same bits as narrow arithmetic on the CPU.
/// </summary>
public sealed class Rounding
{
    private readonly DType _type;

    private Rounding(DType type) => _type = type;

    /// <summary>No rounding: float32 throughout.</summary>
    public static Rounding None { get; } = new(DType.F32);

    /// <summary>Rounding to bfloat16.</summary>
    public static Rounding BFloat16 { get; } = new(DType.BF16);

    /// <summary>Rounding to binary16.</summary>
    public static Rounding Float16 { get; } = new(DType.F16);

    /// <summary>True when something is rounded.</summary>
    public bool IsNarrow => _type != DType.F32;

    /// <summary>The rounding of a compute type.</summary>
    public static Rounding Of(DType type) => type switch
    {
        DType.BF16 => BFloat16,
        DType.F16 => Float16,
        _ => None,
    };

    /// <summary>Rounds one value.</summary>
    public float Apply(float value) => _type switch
    {
        DType.BF16 => RoundToBFloat16(value),
        DType.F16 => (float)(Half)value,
        _ => value,
    };

    /// <summary>Rounds all values in place.</summary>
    public void Apply(Span<float> values)
    {
        if (!IsNarrow)
            return;
        for (int i = 0; i < values.Length; i++)
            values[i] = Apply(values[i]);
    }

    private static float RoundToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if ((bits & 0x7FFFFFFF) > 0x7F800000)
            return BitConverter.UInt32BitsToSingle((bits | 0x00400000) & 0xFFFF0000);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }
}
