namespace Merganser.Tokenizers;

/// <summary>Learns the tokens and merges of a <see cref="MergeTrainer"/>, once.</summary>
internal sealed class MergeLearner(MergeTrainer options)
{
    private const int ReportInterval = 256; // tokens

    private byte[] _joined = new byte[64];

    /// <summary>The tokens; the index is the id.</summary>
    public WordTable Tokens { get; } = new();

    /// <summary>The merges in order, as ids.</summary>
    public List<(int Left, int Right)> Merges { get; } = [];

    public void Learn(WordCounts words, TrainingRun run)
    {
        foreach (string token in options.SpecialTokens)
            Tokens.Add(System.Text.Encoding.UTF8.GetBytes(token), 0);
        var pairs = new PairCounts { KeepsMergedWeights = true, SizeLimit = options.MaxTokenLength ?? int.MaxValue };
        var alphabet = new TrainingAlphabet(Tokens, options.ContinuingSubwordPrefix, options.EndOfWordSuffix);
        int specials = Tokens.Count;
        alphabet.Choose(words, options.InitialAlphabet, options.LimitAlphabet);
        int[] symbols = new int[64];
        for (int rank = 0; rank < words.Count; rank++)
        {
            if (rank % (1 << 16) == 0)
                run.Report(TrainingStage.Merging, 0, options.VocabularySize);
            if (symbols.Length < words[rank].Length)
                symbols = new int[2 * words[rank].Length];
            int count = alphabet.ToSymbols(words[rank], symbols);
            if (count > 1)
                pairs.Add(symbols.AsSpan(0, count), words.CountOf(rank));
        }

        if (Tokens.Count > options.VocabularySize)
            throw new MerganserException($"vocab_size {options.VocabularySize} is too small: {specials} special tokens and {Tokens.Count - specials} characters need {Tokens.Count}; raise it or set limit_alphabet");
        pairs.CountPairs();
        Merge(pairs, run);
    }

    private void Merge(PairCounts pairs, TrainingRun run)
    {
        ReadOnlySpan<byte> prefix = System.Text.Encoding.UTF8.GetBytes(options.ContinuingSubwordPrefix);
        long least = Math.Max(1, options.MinFrequency);
        for (int done = 0; Tokens.Count < options.VocabularySize && pairs.TryTakeBest(out PairCandidate pair) && pair.Weight >= least; done++)
        {
            if (done % ReportInterval == 0)
                run.Report(TrainingStage.Merging, Tokens.Count, options.VocabularySize);
            int token = Tokens.Add(Join(Tokens[pair.Left], Tokens[pair.Right], prefix), 0);
            Merges.Add((pair.Left, pair.Right));
            pairs.Merge(pair, token);
        }

        run.Report(TrainingStage.Merging, options.VocabularySize, options.VocabularySize);
    }

    private ReadOnlySpan<byte> Join(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, ReadOnlySpan<byte> prefix)
    {
        if (!prefix.IsEmpty && right.StartsWith(prefix))
            right = right[prefix.Length..];
        int length = checked(left.Length + right.Length);
        if (_joined.Length < length)
            _joined = new byte[2 * length];
        left.CopyTo(_joined);
        right.CopyTo(_joined.AsSpan(left.Length));
        return _joined.AsSpan(0, length);
    }
}
