namespace Merganser.Checkpoints.Torch;

/// <summary>A name of a class or function that the reader knows; it is never looked up or called.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>Elements in a fixed order.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>A list.</summary>
internal sealed record PickleList(List<object?> Items);

/// <summary>A dictionary; only entries with string keys are kept, the last of equal ones.</summary>
internal sealed record PickleDict(Dictionary<string, object?> Items, List<string> Order)
{
    public PickleDict()
        : this(new Dictionary<string, object?>(StringComparer.Ordinal), [])
    {
    }

    public void Set(object? key, object? value)
    {
        if (key is not string name)
            return;
        if (Items.TryAdd(name, value))
            Order.Add(name);
        else
            Items[name] = value;
    }
}

/// <summary>The bytes behind tensors: an entry of the archive. Without a type the tensor gives it.</summary>
internal sealed record PickleStorage(DType? Type, string Key, long Count);

/// <summary>A view of a storage; offset and strides count elements.</summary>
internal sealed record PickleTensor(PickleStorage Storage, DType Type, long Offset, long[] Shape, long[] Strides);
