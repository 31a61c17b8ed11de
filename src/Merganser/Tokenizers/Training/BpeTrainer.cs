namespace Merganser.Tokenizers;

/// <summary>
/// Learns byte-pair encoding (Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", arXiv
/// 1508.07909) as the BPE trainer of HF tokenizers does: the most frequent pair of adjacent symbols is merged, of equally
/// frequent ones that with the lower ids; counts include overlaps (<c>aaa</c> holds <c>aa</c> twice).
/// </summary>
/// <remarks>
/// Two behaviours of the reference are kept. When a merge makes a token that exists, the merge is recorded with the id of that
/// token, and pairs found then are merged again even if they were merged before, so that a pair may be in the list twice; the
/// last counts. And a merged pair keeps its count. One is not: a vocabulary size too small for special tokens and characters
/// is an error here, not a larger vocabulary.
/// </remarks>
public sealed class BpeTrainer : MergeTrainer
{
    /// <summary>The 256 characters of the byte-level alphabet, for <see cref="MergeTrainer.InitialAlphabet"/>.</summary>
    public static string ByteLevelInitialAlphabet { get; } = string.Create(256, 0, (chars, _) =>
    {
        for (int value = 0; value < chars.Length; value++)
            chars[value] = ByteLevelAlphabet.ToChar((byte)value);
    });

    /// <summary>The unknown token of the model that is made; null (default): none. It should be a special token.</summary>
    public string? UnkToken { get; init; }

    /// <summary>Whether the model that is made joins adjacent unknown characters; default false.</summary>
    public bool FuseUnk { get; init; }

    /// <summary>Whether the model that is made falls back to byte tokens (<c>&lt;0xNN&gt;</c>, to be given as special tokens); default false.</summary>
    public bool ByteFallback { get; init; }

    /// <inheritdoc/>
    protected override TokenizerModel Learn(WordCounts words, TrainingRun run)
    {
        MergeLearner learner = LearnMerges(words, run);
        Vocabulary vocabulary = ToVocabulary(learner.Tokens);
        var merges = new MergeTable.Builder(vocabulary, ContinuingSubwordPrefix);
        foreach ((int left, int right) in learner.Merges)
            merges.Add(left, right);
        return new BpeModel(vocabulary, merges.Build()) { UnkToken = UnkToken, EndOfWordSuffix = EndOfWordSuffix, FuseUnk = FuseUnk, ByteFallback = ByteFallback };
    }
}
