namespace Merganser.Checkpoints.Torch;

/// <summary>A name of a class or function that the reader knows; it is never looked up or called.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>Elements in a fixed order.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>A list.</summary>
internal sealed record PickleList(List<object?> Items);

/// <summary>A dictionary; only entries with string keys are kept, the last of equal ones. Takes hardly any memory while it is empty.</summary>
internal sealed class PickleDict
{
    private Dictionary<string, object?>? _items;
    private List<string>? _order;

    /// <summary>The keys in the order in which they first came.</summary>
    public IReadOnlyList<string> Keys => _order ?? [];

    public object? Get(string key) => _items?.GetValueOrDefault(key);

    public void Set(object? key, object? value)
    {
        if (key is not string name)
            return;
        _items ??= new Dictionary<string, object?>(StringComparer.Ordinal);
        _order ??= [];
        if (_items.TryAdd(name, value))
            _order.Add(name);
        else
            _items[name] = value;
    }
}

/// <summary>The bytes behind tensors: an entry of the archive. Without a type the tensor gives it.</summary>
internal sealed record PickleStorage(DType? Type, string Key, long Count);

/// <summary>A view of a storage; offset and strides count elements.</summary>
internal sealed record PickleTensor(PickleStorage Storage, DType Type, long Offset, long[] Shape, long[] Strides);
