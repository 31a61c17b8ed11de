using System.Buffers.Binary;

namespace Merganser.Tokenizers;

/// <summary>
/// The distinct pretokens of a text with their counts, ordered by count (highest first), then by their UTF-8 bytes: what
/// trainers learn from. The order does not depend on the order of the text, nor on the number of threads that counted.
/// </summary>
public sealed class WordCounts
{
    private readonly WordTable _table;
    private readonly int[] _order;

    internal WordCounts(WordTable table)
    {
        _table = table;
        var keys = new SortKey[table.Count];
        for (int index = 0; index < keys.Length; index++)
        {
            ReadOnlySpan<byte> word = table[index];
            keys[index] = new SortKey(table.CountOf(index), Prefix(word), index);
            TotalCount += table.CountOf(index);
        }

        keys.AsSpan().Sort(new ByCountThenBytes(table));
        _order = new int[keys.Length];
        for (int rank = 0; rank < keys.Length; rank++)
            _order[rank] = keys[rank].Index;
    }

    /// <summary>The number of distinct pretokens.</summary>
    public int Count => _order.Length;

    /// <summary>The number of all pretokens.</summary>
    public long TotalCount { get; }

    /// <summary>The bytes of all distinct pretokens together.</summary>
    public int ByteCount => _table.ByteCount;

    /// <summary>A pretoken.</summary>
    public ReadOnlySpan<byte> this[int rank] => _table[_order[rank]];

    /// <summary>How often a pretoken occurs.</summary>
    public long CountOf(int rank) => _table.CountOf(_order[rank]);

    /// <summary>Counts the pretokens of a corpus.</summary>
    /// <param name="corpus">The text.</param>
    /// <param name="normalizer">Rewrites each document; null: none.</param>
    /// <param name="preTokenizer">Cuts each document; null: a document is one pretoken.</param>
    /// <param name="run">Threads, progress and cancellation.</param>
    /// <exception cref="MerganserException">A file cannot be read, or a document or the distinct pretokens are too long.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public static WordCounts From(TrainingCorpus corpus, Normalizer? normalizer = null, PreTokenizer? preTokenizer = null, TrainingRun? run = null)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        return new PretokenCounter(normalizer, preTokenizer).Count(corpus, run ?? new TrainingRun());
    }

    /// <summary>Takes words that were counted elsewhere; counts of equal words are added.</summary>
    /// <param name="words">Words, not empty, in the form in which the model is to see them, and their counts, above zero.</param>
    /// <exception cref="ArgumentException">A word is empty or its count is not positive.</exception>
    public static WordCounts From(IEnumerable<KeyValuePair<string, long>> words)
    {
        ArgumentNullException.ThrowIfNull(words);
        var table = new WordTable();
        foreach ((string word, long count) in words)
        {
            if (word is not { Length: > 0 } || count <= 0)
                throw new ArgumentException($"the word '{word}' with the count {count}: words must not be empty and counts must be positive", nameof(words));
            table.Add(System.Text.Encoding.UTF8.GetBytes(word), count);
        }

        return new WordCounts(table);
    }

    private static ulong Prefix(ReadOnlySpan<byte> word)
    {
        if (word.Length >= sizeof(ulong))
            return BinaryPrimitives.ReadUInt64BigEndian(word);
        Span<byte> padded = stackalloc byte[sizeof(ulong)];
        padded.Clear();
        word.CopyTo(padded);
        return BinaryPrimitives.ReadUInt64BigEndian(padded);
    }

    private readonly record struct SortKey(long Count, ulong Prefix, int Index);

    private readonly struct ByCountThenBytes(WordTable table) : IComparer<SortKey>
    {
        public int Compare(SortKey x, SortKey y)
        {
            if (x.Count != y.Count)
                return x.Count > y.Count ? -1 : 1;
            return x.Prefix != y.Prefix ? (x.Prefix < y.Prefix ? -1 : 1) : table[x.Index].SequenceCompareTo(table[y.Index]);
        }
    }
}
