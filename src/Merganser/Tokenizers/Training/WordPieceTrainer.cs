namespace Merganser.Tokenizers;

/// <summary>
/// Learns a WordPiece vocabulary (Devlin et al., arXiv 1810.04805) as the trainer of HF tokenizers does: the tokens of
/// <see cref="BpeTrainer"/> with a prefix before all symbols of a word but the first; by frequency, not by likelihood. The
/// merges are not kept: the model takes the longest token that fits.
/// </summary>
public sealed class WordPieceTrainer : MergeTrainer
{
    /// <summary>Makes a trainer with the prefix <c>##</c>.</summary>
    public WordPieceTrainer() => ContinuingSubwordPrefix = "##";

    /// <summary>The unknown token of the model that is made; default <c>[UNK]</c>. It should be a special token.</summary>
    public string UnkToken { get; init; } = "[UNK]";

    /// <summary>The longest word in code points that the model that is made covers; default 100, at least 0.</summary>
    public int MaxInputCharsPerWord { get; init; } = 100;

    /// <inheritdoc/>
    protected override TokenizerModel Learn(WordCounts words, TrainingRun run) =>
        new WordPieceModel(ToVocabulary(LearnMerges(words, run).Tokens))
        {
            UnkToken = UnkToken,
            ContinuingSubwordPrefix = ContinuingSubwordPrefix,
            MaxInputCharsPerWord = MaxInputCharsPerWord,
        };
}
