namespace Merganser.Tokenizers;

/// <summary>The steps before the model that a SentencePiece model can hold, read off a pipeline.</summary>
/// <param name="Charsmap">The precompiled table; empty: none.</param>
/// <param name="RemoveExtraWhitespaces">Whether spaces are stripped and runs of them made one.</param>
/// <param name="AddDummyPrefix">Whether a blank is put before the text.</param>
/// <param name="Splits">Whether words are encoded each for itself, as unigram models do.</param>
internal readonly record struct SentencePiecePreparation(byte[] Charsmap, bool RemoveExtraWhitespaces, bool AddDummyPrefix, bool Splits)
{
    private const string Marker = "\u2581";

    /// <exception cref="MerganserException">A step has no place in a SentencePiece model.</exception>
    public static SentencePiecePreparation Read(Tokenizer tokenizer, bool hasUserDefined)
    {
        byte[] charsmap = [];
        List<Normalizer> steps = tokenizer.Normalizer switch
        {
            null => [],
            SequenceNormalizer sequence => [.. sequence.Normalizers],
            Normalizer single => [single],
        };
        if (steps is [PrecompiledNormalizer precompiled, ..])
        {
            charsmap = precompiled.Charsmap.ToArray();
            steps.RemoveAt(0);
        }

        bool strips = false;
        if (!hasUserDefined && steps.Count > 1 && IsReplacement(steps[0], SentencePieceConversion.EdgeSpaces, "") && IsReplacement(steps[1], SentencePieceConversion.SpaceRuns, " "))
        {
            strips = true;
            steps.RemoveRange(0, 2);
        }
        else if (hasUserDefined && steps.Count > 0 && IsReplacement(steps[0], SentencePieceConversion.SpaceRuns, " "))
        {
            strips = true;
            steps.RemoveAt(0);
        }

        bool prepends = false;
        if (steps is [PrependNormalizer { Prepend: Marker }, ..])
        {
            prepends = true;
            steps.RemoveAt(0);
        }

        bool marks = false;
        if (steps is [ReplaceNormalizer { Pattern: { IsRegex: false, Text: " " }, Content: Marker }, ..])
        {
            marks = true;
            steps.RemoveAt(0);
        }

        if (steps.Count > 0)
            throw new MerganserException($"a SentencePiece model cannot hold the normalizer step {steps[0].GetType().Name}; it has a precompiled table, the removal of extra spaces, and a U+2581 put before the text");
        if (marks && tokenizer.PreTokenizer is null or SplitPreTokenizer { Pattern: { IsRegex: false, Text: " " } })
        {
            return tokenizer.Model is UnigramModel ? throw Splitting()
                : prepends && hasUserDefined ? throw Prefix("before every piece of text between user-defined tokens")
                : new SentencePiecePreparation(charsmap, strips, prepends, Splits: false);
        }

        if (tokenizer.PreTokenizer is not MetaspacePreTokenizer { Replacement: Marker } metaspace)
            throw new MerganserException("a SentencePiece model needs spaces written as U+2581, by the pre-tokenizer Metaspace or a normalizer, and no other pre-tokenizer");
        bool splits = metaspace.Split;
        if (splits != tokenizer.Model is UnigramModel)
            throw Splitting();
        if (metaspace.PrependScheme == PrependScheme.Never)
            return new SentencePiecePreparation(charsmap, strips, prepends, splits);
        if (prepends)
            throw Prefix("twice");
        if (hasUserDefined && metaspace.PrependScheme == PrependScheme.Always)
            throw Prefix("before every piece of text between user-defined tokens");
        if (!hasUserDefined)
            throw Prefix("only where no space or U+2581 is (Metaspace; use the normalizer Prepend)");
        return new SentencePiecePreparation(charsmap, strips, AddDummyPrefix: true, splits);
    }

    private static bool IsReplacement(Normalizer step, string pattern, string content) =>
        step is ReplaceNormalizer { Pattern.IsRegex: true } replace && replace.Pattern.Text == pattern && replace.Content == content;

    private static MerganserException Splitting() =>
        new("a SentencePiece unigram model encodes words each for itself and the others whole texts (Metaspace with split for Unigram, without it for BPE)");

    private static MerganserException Prefix(string how) =>
        new($"U+2581 is put {how}; a SentencePiece model puts it before the text, whatever begins it");
}
