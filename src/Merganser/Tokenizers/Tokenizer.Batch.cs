namespace Merganser.Tokenizers;

/// <content>Many texts at once.</content>
public sealed partial class Tokenizer
{
    /// <summary>Encodes texts on several threads; the result is that of one after the other. Padding is to a common length.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="options">Null: <see cref="EncodeOptions.Default"/>.</param>
    public IReadOnlyList<Encoding> EncodeBatch(IReadOnlyList<string> texts, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(texts);
        return EncodeBatch(texts.Count, i => (texts[i], null), options);
    }

    /// <summary>Encodes pairs of texts on several threads; the result is that of one after the other. Padding is to a common length.</summary>
    /// <param name="pairs">The pairs.</param>
    /// <param name="options">Null: <see cref="EncodeOptions.Default"/>.</param>
    public IReadOnlyList<Encoding> EncodeBatch(IReadOnlyList<(string Text, string Pair)> pairs, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        return EncodeBatch(pairs.Count, i => (pairs[i].Text, pairs[i].Pair), options);
    }

    /// <summary>Encodes texts to ids on several threads; the result is that of one after the other.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="addSpecialTokens">Whether the post-processor puts special tokens in.</param>
    /// <param name="maxThreads">The most threads; 0: one per core.</param>
    public int[][] EncodeBatchToIds(IReadOnlyList<string> texts, bool addSpecialTokens = true, int maxThreads = 0)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var results = new int[texts.Count][];
        ForEach(texts.Count, maxThreads, i => results[i] = EncodeToIds(texts[i], addSpecialTokens));
        return results;
    }

    private Encoding[] EncodeBatch(int count, Func<int, (string Text, string? Pair)> item, EncodeOptions? options)
    {
        options ??= EncodeOptions.Default;
        var results = new Encoding[count];
        ForEach(count, options.MaxThreads, i =>
        {
            (string text, string? pair) = item(i);
            results[i] = EncodeUnpadded(text, pair, options);
        });
        if (options.Pad && Padding is { } padding && count > 0)
        {
            int longest = 0;
            foreach (Encoding encoding in results)
                longest = Math.Max(longest, encoding.Count);
            int length = PaddedLength(padding, longest);
            for (int i = 0; i < count; i++)
                results[i] = EncodingSlices.Pad(results[i], length, padding);
        }

        return results;
    }

    private static void ForEach(int count, int maxThreads, Action<int> body)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxThreads);
        if (count <= 1 || maxThreads == 1)
        {
            for (int i = 0; i < count; i++)
                body(i);
            return;
        }

        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = maxThreads == 0 ? -1 : maxThreads }, body);
        }
        catch (AggregateException e) when (e.InnerExceptions[0] is MerganserException first)
        {
            throw new MerganserException(first.Message, first);
        }
    }
}
