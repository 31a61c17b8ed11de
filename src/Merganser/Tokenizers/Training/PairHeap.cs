using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// A heap of candidates, heaviest first, then lowest pair. Four children a node: half the levels of a binary heap, and the
/// children lie side by side.
/// </summary>
internal sealed class PairHeap
{
    private const int Children = 4;

    private Item[] _items = new Item[1024];

    public int Count { get; private set; }

    public ReadOnlySpan<Item> Items => _items.AsSpan(0, Count);

    public void Push(in Item item)
    {
        if (Count == _items.Length)
            Array.Resize(ref _items, checked(2 * Count));
        Item[] items = _items;
        int at = Count++;
        while (at > 0)
        {
            int parent = (at - 1) / Children;
            if (!IsBefore(in item, in items[parent]))
                break;
            items[at] = items[parent];
            at = parent;
        }

        items[at] = item;
    }

    /// <summary>The first item; the heap must not be empty.</summary>
    public ref readonly Item Peek() => ref _items[0];

    /// <summary>Takes the first item off; the heap must not be empty.</summary>
    public Item Pop()
    {
        Item first = _items[0];
        Item last = _items[--Count];
        if (Count > 0)
            Sink(in last);
        return first;
    }

    /// <summary>Gives the first item another weight.</summary>
    public void ReplaceFirst(double weight)
    {
        Item item = _items[0] with { Weight = weight };
        Sink(in item);
    }

    private void Sink(in Item item)
    {
        Item[] items = _items;
        int at = 0;
        while (true)
        {
            int child = (at * Children) + 1;
            if (child >= Count)
                break;
            int end = Math.Min(child + Children, Count);
            int best = child;
            for (int other = child + 1; other < end; other++)
            {
                if (IsBefore(in items[other], in items[best]))
                    best = other;
            }

            if (!IsBefore(in items[best], in item))
                break;
            items[at] = items[best];
            at = best;
        }

        items[at] = item;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsBefore(in Item a, in Item b) => a.Weight > b.Weight || (a.Weight == b.Weight && a.Key < b.Key);

    /// <summary>A candidate: its weight when it was put in, its pair and its entry.</summary>
    public record struct Item(double Weight, ulong Key, int Entry);
}
