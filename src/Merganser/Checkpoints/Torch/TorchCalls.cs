namespace Merganser.Checkpoints.Torch;

/// <summary>The only names that a saved state dictionary may use, and what they make.</summary>
internal static class TorchCalls
{
    private static readonly Dictionary<string, DType> StorageTypes = new(StringComparer.Ordinal)
    {
        ["torch.DoubleStorage"] = DType.F64,
        ["torch.FloatStorage"] = DType.F32,
        ["torch.HalfStorage"] = DType.F16,
        ["torch.BFloat16Storage"] = DType.BF16,
        ["torch.LongStorage"] = DType.I64,
        ["torch.IntStorage"] = DType.I32,
        ["torch.ShortStorage"] = DType.I16,
        ["torch.CharStorage"] = DType.I8,
        ["torch.ByteStorage"] = DType.U8,
        ["torch.BoolStorage"] = DType.Bool,
    };

    /// <summary>True for the few names that are understood.</summary>
    public static bool IsKnown(string name) => name
        is "collections.OrderedDict"
        or "torch._utils._rebuild_tensor"
        or "torch._utils._rebuild_tensor_v2"
        or "torch._utils._rebuild_tensor_v3"
        or "torch._utils._rebuild_parameter"
        or "torch.storage.UntypedStorage"
        || StorageTypes.ContainsKey(name)
        || IsElementType(name, out _);

    /// <summary>What a call makes; null when the arguments are not those of PyTorch.</summary>
    public static object? Call(string name, object?[] arguments) => name switch
    {
        "collections.OrderedDict" => arguments switch
        {
            [] => new PickleDict(),
            [PickleList pairs] => FromPairs(pairs),
            _ => null,
        },

        // (storage, offset, shape, strides, requires_grad, hooks, …): only the first four say where the elements are.
        "torch._utils._rebuild_tensor" or "torch._utils._rebuild_tensor_v2" => arguments is [PickleStorage { Type: { } type } storage, long offset, PickleTuple shape, PickleTuple strides, ..]
            ? Tensor(storage, type, offset, shape, strides)
            : null,
        "torch._utils._rebuild_tensor_v3" => arguments is [PickleStorage storage, long offset, PickleTuple shape, PickleTuple strides, _, _, PickleGlobal dtype, ..]
            && IsElementType(dtype.Name, out DType type)
            ? Tensor(storage, type, offset, shape, strides)
            : null,
        "torch._utils._rebuild_parameter" => arguments is [PickleTensor tensor, ..] ? tensor : null,
        _ => null,
    };

    /// <summary>The storage that a persistent id means: <c>('storage', type, key, device, count)</c>; null when it is no such tuple.</summary>
    public static PickleStorage? Storage(object? id)
    {
        if (id is not PickleTuple { Items: ["storage", PickleGlobal kind, string key, string, long count] })
            return null;
        if (StorageTypes.TryGetValue(kind.Name, out DType type))
            return new PickleStorage(type, key, count);
        return kind.Name == "torch.storage.UntypedStorage" ? new PickleStorage(null, key, count) : null;
    }

    private static bool IsElementType(string name, out DType type)
    {
        type = default;
        return name.StartsWith("torch.", StringComparison.Ordinal) && DTypes.TryParseTorch(name, out type);
    }

    private static PickleDict? FromPairs(PickleList pairs)
    {
        var dict = new PickleDict();
        foreach (object? pair in pairs.Items)
        {
            if (pair is not PickleTuple { Items: [var key, var value] })
                return null;
            dict.Set(key, value);
        }

        return dict;
    }

    private static PickleTensor? Tensor(PickleStorage storage, DType type, long offset, PickleTuple shape, PickleTuple strides) =>
        Numbers(shape) is { } extents && Numbers(strides) is { } steps ? new PickleTensor(storage, type, offset, extents, steps) : null;

    private static long[]? Numbers(PickleTuple tuple)
    {
        long[] numbers = new long[tuple.Items.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            if (tuple.Items[i] is not long number)
                return null;
            numbers[i] = number;
        }

        return numbers;
    }
}
