namespace Merganser.Tokenizers;

/// <summary>
/// What the trainers that learn by merging pairs share: BPE and WordPiece. First the special tokens, then the characters of
/// the text by code point, then their forms with prefix and suffix as they are met; then the most frequent adjacent pair is
/// merged until the vocabulary is full.
/// </summary>
public abstract class MergeTrainer : TokenizerTrainer
{
    private protected MergeTrainer()
    {
    }

    /// <summary>Pairs that occur less often are not merged; default 0 (a pair that occurs is enough), at least 0.</summary>
    /// <exception cref="MerganserException">Negative.</exception>
    public long MinFrequency
    {
        get;
        init => field = value >= 0 ? value : throw new MerganserException($"min_frequency {value} is negative");
    }

    /// <summary>
    /// The most characters that are kept: the most frequent, of equally frequent ones those with the lower code points; text
    /// is read without the others. Null (default): all. At least 0.
    /// </summary>
    /// <exception cref="MerganserException">Negative.</exception>
    public int? LimitAlphabet
    {
        get;
        init => field = value is null or >= 0 ? value : throw new MerganserException($"limit_alphabet {value} is negative");
    }

    /// <summary>Characters that are kept whether they occur or not; before all others when the alphabet is limited.</summary>
    public string InitialAlphabet
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = "";

    /// <summary>Marks every symbol but the first of a word; may be empty. Default: none for BPE, <c>##</c> for WordPiece.</summary>
    public string ContinuingSubwordPrefix
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = "";

    /// <summary>Marks the last symbol of a word; may be empty, which is the default.</summary>
    public string EndOfWordSuffix
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = "";

    /// <summary>
    /// Tokens made of more than two characters stay below this number of characters (as in the reference, 5 gives tokens of at
    /// most 4); null (default): no limit. At least 1.
    /// </summary>
    /// <exception cref="MerganserException">Below 1.</exception>
    public int? MaxTokenLength
    {
        get;
        init => field = value is null or >= 1 ? value : throw new MerganserException($"max_token_length {value}: must be at least 1");
    }

    /// <summary>Learns tokens and merges.</summary>
    private protected MergeLearner LearnMerges(WordCounts words, TrainingRun run)
    {
        var learner = new MergeLearner(this);
        learner.Learn(words, run);
        return learner;
    }
}
