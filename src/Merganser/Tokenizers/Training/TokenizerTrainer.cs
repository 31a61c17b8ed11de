namespace Merganser.Tokenizers;

/// <summary>
/// Learns a tokenizer model from text. Options and results are those of the trainers of HF tokenizers; where these depend on
/// the order of a hash table, words are taken by count (highest first), then by their UTF-8 bytes, so that a result depends
/// on nothing but the text and the options.
/// </summary>
public abstract class TokenizerTrainer
{
    /// <summary>The number of tokens wanted, special tokens included; default 30000, at least 1.</summary>
    /// <exception cref="MerganserException">Below 1.</exception>
    public int VocabularySize
    {
        get;
        init => field = value >= 1 ? value : throw new MerganserException($"vocab_size {value}: a vocabulary has at least 1 token");
    } = 30_000;

    /// <summary>Tokens that get the first ids, in this order; a repeated one counts once.</summary>
    /// <exception cref="MerganserException">One is empty.</exception>
    public IReadOnlyList<string> SpecialTokens
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            if (value.Any(string.IsNullOrEmpty))
                throw new MerganserException("special_tokens: an empty token");
            field = [.. value.Distinct(StringComparer.Ordinal)];
        }
    } = [];

    /// <summary>Learns from text.</summary>
    /// <param name="corpus">The text; read once, with bounded memory for the text itself.</param>
    /// <param name="normalizer">Rewrites each document; null: none.</param>
    /// <param name="preTokenizer">Cuts each document into pretokens; null: a document is one.</param>
    /// <param name="run">Threads, progress and cancellation.</param>
    /// <exception cref="MerganserException">A file cannot be read, or the options do not fit the text.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public TrainedTokenizer Train(TrainingCorpus corpus, Normalizer? normalizer = null, PreTokenizer? preTokenizer = null, TrainingRun? run = null)
    {
        run ??= new TrainingRun();
        return Train(WordCounts.From(corpus, normalizer, preTokenizer, run), run);
    }

    /// <summary>Learns from pretokens that were counted before.</summary>
    /// <exception cref="MerganserException">The options do not fit the words.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public TrainedTokenizer Train(WordCounts words, TrainingRun? run = null)
    {
        ArgumentNullException.ThrowIfNull(words);
        TokenizerModel model = Learn(words, run ?? new TrainingRun());
        var added = new AddedToken[SpecialTokens.Count];
        for (int i = 0; i < added.Length; i++)
        {
            if (!model.Vocabulary.TryGetId(SpecialTokens[i], out int id))
                throw new InvalidOperationException($"the trainer left out the special token '{SpecialTokens[i]}'");
            added[i] = new AddedToken(id, SpecialTokens[i], Special: true);
        }

        return new TrainedTokenizer(model, added);
    }

    /// <summary>Makes the model; its vocabulary must hold the special tokens.</summary>
    /// <param name="words">The pretokens by count, highest first, then by their bytes.</param>
    /// <param name="run">Threads, progress and cancellation.</param>
    protected abstract TokenizerModel Learn(WordCounts words, TrainingRun run);

    /// <summary>Makes a vocabulary with ids in the order of a table.</summary>
    private protected static Vocabulary ToVocabulary(WordTable tokens)
    {
        var builder = new Vocabulary.Builder();
        for (int id = 0; id < tokens.Count; id++)
            builder.Add(tokens[id], id);
        return builder.Build();
    }
}
