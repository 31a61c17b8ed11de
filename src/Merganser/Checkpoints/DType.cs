namespace Merganser.Checkpoints;

/// <summary>Element types of safetensors files.</summary>
public enum DType
{
    /// <summary>IEEE 754 binary64.</summary>
    F64,

    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>bfloat16: the upper half of a binary32.</summary>
    BF16,

    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, no infinities (OCP E4M3, "fn").</summary>
    F8E4M3,

    /// <summary>8-bit float, 5 exponent and 2 mantissa bits (OCP E5M2).</summary>
    F8E5M2,

    /// <summary>64-bit signed integer.</summary>
    I64,

    /// <summary>32-bit signed integer.</summary>
    I32,

    /// <summary>16-bit signed integer.</summary>
    I16,

    /// <summary>8-bit signed integer.</summary>
    I8,

    /// <summary>64-bit unsigned integer.</summary>
    U64,

    /// <summary>32-bit unsigned integer.</summary>
    U32,

    /// <summary>16-bit unsigned integer.</summary>
    U16,

    /// <summary>8-bit unsigned integer.</summary>
    U8,

    /// <summary>One byte, 0 or 1.</summary>
    Bool,
}

/// <summary>Sizes and names of element types.</summary>
public static class DTypes
{
    private static readonly (DType Type, string Safetensors, string Torch, int Size)[] Table =
    [
        (DType.F64, "F64", "float64", 8), (DType.F32, "F32", "float32", 4), (DType.F16, "F16", "float16", 2),
        (DType.BF16, "BF16", "bfloat16", 2), (DType.F8E4M3, "F8_E4M3", "float8_e4m3fn", 1), (DType.F8E5M2, "F8_E5M2", "float8_e5m2", 1),
        (DType.I64, "I64", "int64", 8), (DType.I32, "I32", "int32", 4), (DType.I16, "I16", "int16", 2), (DType.I8, "I8", "int8", 1),
        (DType.U64, "U64", "uint64", 8), (DType.U32, "U32", "uint32", 4), (DType.U16, "U16", "uint16", 2), (DType.U8, "U8", "uint8", 1),
        (DType.Bool, "BOOL", "bool", 1),
    ];

    /// <summary>Bytes of one element.</summary>
    public static int Size(this DType type) => Table[(int)type].Size;

    /// <summary>True for the floating-point types: only these are merged, all others are copied.</summary>
    public static bool IsFloat(this DType type) => type <= DType.F8E5M2;

    /// <summary>The name in a safetensors header, such as <c>BF16</c> or <c>F8_E4M3</c>.</summary>
    public static string SafetensorsName(this DType type) => Table[(int)type].Safetensors;

    /// <summary>The name in configurations and recipes, such as <c>bfloat16</c>.</summary>
    public static string TorchName(this DType type) => Table[(int)type].Torch;

    /// <summary>Reads a safetensors name; false when there is no such type.</summary>
    public static bool TryParseSafetensors(string name, out DType type) => TryFind(row => row.Safetensors == name, out type);

    /// <summary>Reads a name like <c>bfloat16</c> or <c>torch.bfloat16</c>; false when there is no such type.</summary>
    public static bool TryParseTorch(string name, out DType type)
    {
        string bare = name.StartsWith("torch.", StringComparison.Ordinal) ? name["torch.".Length..] : name;
        return TryFind(row => row.Torch == bare, out type);
    }

    private static bool TryFind(Func<(DType Type, string Safetensors, string Torch, int Size), bool> match, out DType type)
    {
        foreach ((DType Type, string Safetensors, string Torch, int Size) row in Table)
        {
            if (match(row))
            {
                type = row.Type;
                return true;
            }
        }

        type = default;
        return false;
    }
}
