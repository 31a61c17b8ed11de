using Merganser.Checkpoints;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>
/// Keys (after rotation) and values of one sequence, per layer and head one run of entries, so that attention reads memory in order.
/// Float32 or bfloat16. Heads are padded with zeros to whole vectors. Room grows by doubling.
/// </summary>
internal sealed unsafe class DecoderCache : IDisposable
{
    private const int SmallestRoom = 256;

    private readonly int _heads;
    private readonly int[] _counts;
    private PackedWeights? _memory;
    private byte*[] _keys, _values;

    public DecoderCache(int layers, int heads, int width, bool isHalf)
    {
        (_heads, Width, IsHalf) = (heads, width, isHalf);
        PaddedWidth = Padded(width);
        _counts = new int[layers];
        _keys = new byte*[layers];
        _values = new byte*[layers];
    }

    /// <summary>The width of a head.</summary>
    public int Width { get; }

    /// <summary>The width with the padding.</summary>
    public int PaddedWidth { get; }

    /// <summary>Entries are bfloat16.</summary>
    public bool IsHalf { get; }

    /// <summary>The entries that each layer has room for.</summary>
    public int Room { get; private set; }

    /// <summary>The bytes from entry to entry.</summary>
    public int Stride => PaddedWidth * (IsHalf ? 2 : 4);

    public static int Padded(int width) => (width + 31) / 32 * 32;

    /// <summary>The entries of a layer.</summary>
    public int Count(int layer) => _counts[layer];

    /// <summary>The entries of one head of a layer.</summary>
    public byte* Keys(int layer, int head) => _keys[layer] + ((long)head * Room * Stride);

    /// <summary>The entries of one head of a layer.</summary>
    public byte* Values(int layer, int head) => _values[layer] + ((long)head * Room * Stride);

    /// <summary>Makes room for a number of entries in every layer.</summary>
    public void Reserve(int entries)
    {
        if (entries <= Room)
            return;
        int room = Math.Max(entries, Math.Max(SmallestRoom, checked(2 * Room))), layers = _counts.Length;
        long piece = PackedWeights.Rounded(checked((long)room * _heads * Stride));
        var memory = new PackedWeights(checked(piece * 2 * layers));
        byte*[] keys = new byte*[layers], values = new byte*[layers];
        for (int layer = 0; layer < layers; layer++)
        {
            keys[layer] = memory.Take(piece);
            values[layer] = memory.Take(piece);
            long used = (long)_counts[layer] * Stride;
            for (int head = 0; used > 0 && head < _heads; head++)
            {
                Buffer.MemoryCopy(Keys(layer, head), keys[layer] + ((long)head * room * Stride), used, used);
                Buffer.MemoryCopy(Values(layer, head), values[layer] + ((long)head * room * Stride), used, used);
            }
        }

        _memory?.Dispose();
        (_memory, _keys, _values, Room) = (memory, keys, values, room);
    }

    /// <summary>Puts a run of entries of one head behind the others; <see cref="Advance"/> makes them count. Sources are [count, width].</summary>
    public void Write(int layer, int head, float* keys, float* values, int count)
    {
        long start = (long)_counts[layer] * Stride;
        for (int i = 0; i < count; i++, start += Stride)
        {
            Store(keys + ((long)i * Width), Keys(layer, head) + start);
            Store(values + ((long)i * Width), Values(layer, head) + start);
        }
    }

    /// <summary>Reads the entries of one head back, [count, width].</summary>
    public void Read(int layer, int head, Span<float> keys, Span<float> values)
    {
        for (int i = 0; i < _counts[layer]; i++)
        {
            Load(Keys(layer, head) + ((long)i * Stride), keys.Slice(i * Width, Width));
            Load(Values(layer, head) + ((long)i * Stride), values.Slice(i * Width, Width));
        }
    }

    public void Advance(int layer, int count) => _counts[layer] += count;

    /// <summary>Drops the newest entries of all layers.</summary>
    public void Crop(int dropped)
    {
        for (int layer = 0; layer < _counts.Length; layer++)
            _counts[layer] = Math.Max(0, _counts[layer] - dropped);
    }

    /// <summary>Drops all.</summary>
    public void Clear() => Array.Clear(_counts);

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory?.Dispose();
        _memory = null;
        Room = 0;
        Clear();
    }

    private void Store(float* source, byte* target)
    {
        var values = new ReadOnlySpan<float>(source, Width);
        if (IsHalf)
            TensorCast.FromSingle(values, DType.BF16, new Span<byte>(target, 2 * Width));
        else
            values.CopyTo(new Span<float>(target, Width));
    }

    private void Load(byte* source, Span<float> target)
    {
        if (IsHalf)
            TensorCast.ToSingle(new ReadOnlySpan<byte>(source, 2 * Width), DType.BF16, target);
        else
            new ReadOnlySpan<float>(source, Width).CopyTo(target);
    }
}
