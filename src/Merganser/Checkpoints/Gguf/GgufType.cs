using System.Collections.Immutable;

namespace Merganser.Checkpoints.Gguf;

/// <summary>Element types of GGUF files that are written and read here.</summary>
public enum GgufType
{
    /// <summary>IEEE 754 binary32.</summary>
    F32 = 0,

    /// <summary>IEEE 754 binary16.</summary>
    F16 = 1,

    /// <summary>Q8_0: blocks of 32 signed bytes with one binary16 scale.</summary>
    Q8 = 8,

    /// <summary>bfloat16.</summary>
    BF16 = 30,
}

/// <summary>Sizes and names of GGUF's element types.</summary>
public static class GgufTypes
{
    private static readonly string[] Names =
    [
        "F32", "F16", "Q4_0", "Q4_1", "Q4_2", "Q4_3", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K",
        "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16",
        "Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8", "TQ1_0", "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",
    ];

    /// <summary>The name of a type number, for messages.</summary>
    internal static string NameOf(uint number) => number < Names.Length ? Names[number] : $"number {number}";

    internal static bool TryGet(uint number, out GgufType type)
    {
        type = (GgufType)number;
        return number <= int.MaxValue && type is GgufType.F32 or GgufType.F16 or GgufType.Q8 or GgufType.BF16;
    }

    /// <summary>Reads a name like <c>q8_0</c> or <c>BF16</c>.</summary>
    /// <exception cref="MerganserException">It is none of the four.</exception>
    public static GgufType Parse(string name) => name.ToUpperInvariant() switch
    {
        "F32" => GgufType.F32,
        "F16" => GgufType.F16,
        "BF16" => GgufType.BF16,
        "Q8_0" => GgufType.Q8,
        _ => throw new MerganserException($"'{name.ReplaceLineEndings(" ")}' is no GGUF type that can be written; choose f32, f16, bf16 or q8_0"),
    };

    /// <summary>The bytes of so many elements; whole blocks are needed.</summary>
    internal static long Bytes(this GgufType type, long elements) => type switch
    {
        GgufType.F32 => checked(elements * 4),
        GgufType.Q8 => checked(elements / Q8Blocks.Length * Q8Blocks.Bytes),
        _ => checked(elements * 2),
    };

    /// <summary>The element type that readers see; quantised blocks appear as 32-bit floats.</summary>
    internal static DType ToDType(this GgufType type) => type switch
    {
        GgufType.F16 => DType.F16,
        GgufType.BF16 => DType.BF16,
        _ => DType.F32,
    };

    /// <summary>The number of <c>general.file_type</c>.</summary>
    internal static uint FileType(this GgufType type) => type switch
    {
        GgufType.F32 => 0,
        GgufType.F16 => 1,
        GgufType.Q8 => 7,
        _ => 32,
    };
}

/// <summary>A tensor of a GGUF file as it is stored.</summary>
/// <param name="Name">The name.</param>
/// <param name="Type">The stored type.</param>
/// <param name="Shape">The dimensions, row-major (the file holds them in reverse).</param>
/// <param name="Offset">The place behind the start of the data.</param>
internal sealed record GgufTensor(string Name, GgufType Type, ImmutableArray<long> Shape, long Offset);
