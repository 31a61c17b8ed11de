namespace Merganser.Tokenizers;

/// <summary>
/// Makes a list of words as the WordLevel trainer of HF tokenizers does: the special tokens, then the pretokens by count
/// (highest first), then by code points, until the vocabulary is full. A word that is also a special token is not listed
/// again (the reference leaves a gap in the ids there).
/// </summary>
public sealed class WordLevelTrainer : TokenizerTrainer
{
    /// <summary>Words that occur less often are left out; default 0, at least 0.</summary>
    /// <exception cref="MerganserException">Negative.</exception>
    public long MinFrequency
    {
        get;
        init => field = value >= 0 ? value : throw new MerganserException($"min_frequency {value} is negative");
    }

    /// <summary>The unknown token of the model that is made; default <c>&lt;unk&gt;</c>. It should be a special token.</summary>
    public string UnkToken { get; init; } = "<unk>";

    /// <inheritdoc/>
    protected override TokenizerModel Learn(WordCounts words, TrainingRun run)
    {
        var tokens = new WordTable();
        foreach (string token in SpecialTokens)
            tokens.Add(System.Text.Encoding.UTF8.GetBytes(token), 0);
        if (tokens.Count > VocabularySize)
            throw new MerganserException($"vocab_size {VocabularySize} is too small for {tokens.Count} special tokens");
        // UTF-8 sorts as code points do, so the words are in order.
        for (int rank = 0; rank < words.Count && tokens.Count < VocabularySize && words.CountOf(rank) >= MinFrequency; rank++)
            tokens.Add(words[rank], 0);
        return new WordLevelModel(ToVocabulary(tokens)) { UnkToken = UnkToken };
    }
}
