namespace Merganser.Weights.Lora;

/// <summary>
/// What an overlay keeps between reads: a few blocks of finished rows and the factors of a few modules. Shared by all
/// tensors of the overlay, so that its size does not grow with the model.
/// </summary>
internal sealed class AdapterCache
{
    private readonly Lock _lock = new();
    private readonly Block?[] _blocks = new Block?[2 * Environment.ProcessorCount];
    private readonly LinkedList<(object Owner, LowRankProduct Product)> _products = new();
    private readonly int _maxProducts = Environment.ProcessorCount + 1;
    private long _clock;

    /// <summary>A block of finished rows; belongs to one thread from <see cref="Rent"/> to <see cref="Return"/>.</summary>
    public sealed class Block
    {
        public object? Owner { get; set; }

        public long Index { get; set; }

        public byte[] Bytes { get; set; } = [];

        internal long Stamp { get; set; }
    }

    /// <summary>Takes the block of an owner out of the cache, or an empty one (whose owner is null) to be filled.</summary>
    public Block Rent(object owner, long index)
    {
        lock (_lock)
        {
            int oldest = -1;
            for (int i = 0; i < _blocks.Length; i++)
            {
                if (_blocks[i] is not { } block)
                    continue;
                if (block.Owner == owner && block.Index == index)
                {
                    _blocks[i] = null;
                    return block;
                }

                if (oldest < 0 || block.Stamp < _blocks[oldest]!.Stamp)
                    oldest = i;
            }

            // Its memory is used again only when the cache is full: until then other threads may want what it holds.
            if (oldest >= 0 && Array.IndexOf(_blocks, null) < 0)
            {
                Block reused = _blocks[oldest]!;
                _blocks[oldest] = null;
                reused.Owner = null;
                return reused;
            }
        }

        return new Block();
    }

    /// <summary>Puts a block back; drops it when the cache is full.</summary>
    public void Return(Block block)
    {
        lock (_lock)
        {
            int free = Array.IndexOf(_blocks, null);
            if (free < 0)
                return;
            block.Stamp = ++_clock;
            _blocks[free] = block;
        }
    }

    /// <summary>The factors of a module, read when they are not among the last ones used.</summary>
    public LowRankProduct Product(object owner, Func<LowRankProduct> read)
    {
        lock (_lock)
        {
            for (LinkedListNode<(object Owner, LowRankProduct Product)>? node = _products.First; node is not null; node = node.Next)
            {
                if (node.Value.Owner != owner)
                    continue;
                _products.Remove(node);
                _products.AddFirst(node);
                return node.Value.Product;
            }
        }

        // Two threads may both read: that costs time, a lock during the read would cost more.
        LowRankProduct product = read();
        lock (_lock)
        {
            _products.AddFirst((owner, product));
            while (_products.Count > _maxProducts)
                _products.RemoveLast();
        }

        return product;
    }
}
