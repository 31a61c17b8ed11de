namespace Merganser.Tokenizers;

/// <summary>
/// Configurations in which the text falls into words that are normalised, cut and encoded independently: what one word gives
/// is found by the ordinary steps, once, and remembered. Where a cut is allowed is in <see cref="Cuts"/>.
/// </summary>
internal sealed class PipelinePlan : FusedPlan
{
    private PipelinePlan(Normalizer? normalizer, PreTokenizer? preTokenizer, TokenizerModel model, WordCuts cuts)
    {
        Normalizer = normalizer;
        PreTokenizer = preTokenizer;
        Model = model;
        Cuts = cuts;
    }

    public Normalizer? Normalizer { get; }

    public PreTokenizer? PreTokenizer { get; }

    public TokenizerModel Model { get; }

    public WordCuts Cuts { get; }

    /// <summary>The normalizer of words that do not begin the piece.</summary>
    public Normalizer? InnerNormalizer { get; private init; }

    /// <summary>Whether the first word of a piece is normalised otherwise than the rest (a marker is put before it).</summary>
    public bool IsFirstSpecial { get; private init; }

    /// <summary>How words relate to pretokens.</summary>
    public PretokenTracking Pretokens { get; private init; }

    /// <summary>Whether a character joins the separator beside it into one cluster, which the normalizer may treat as a whole.</summary>
    public bool MindsClusters { get; private init; }

    public static new PipelinePlan? TryCreate(Normalizer? normalizer, PreTokenizer? preTokenizer, TokenizerModel model) =>
        TryCreateSeparated(normalizer, preTokenizer, model) ?? (model is BpeModel bpe ? TryCreateWholeText(normalizer, preTokenizer, bpe) : null);

    public override FusedEncoder CreateEncoder() => new PipelineEncoder(this);

    /// <summary>White space separates: the pre-tokenizer drops it, and all steps before look at one character at a time.</summary>
    private static PipelinePlan? TryCreateSeparated(Normalizer? normalizer, PreTokenizer? preTokenizer, TokenizerModel model)
    {
        if (model is BpeModel { Dropout: > 0 } || !IsLocal(normalizer))
            return null;
        bool isolatesPunctuation;
        switch (preTokenizer)
        {
            case BertPreTokenizer:
                if (!OnlyBert(normalizer))
                    return null; // a mark may join the punctuation before it
                isolatesPunctuation = true;
                break;
            case WhitespaceSplitPreTokenizer:
            case SequencePreTokenizer { PreTokenizers: [WhitespaceSplitPreTokenizer, MetaspacePreTokenizer { PrependScheme: PrependScheme.Always or PrependScheme.Never }] }:
                isolatesPunctuation = false;
                break;
            default:
                return null;
        }

        // Only white space that each step surely leaves or turns into white space separates; the rest stays inside words.
        bool[] separates = new bool[256];
        foreach (byte candidate in " \t\n\r"u8)
            separates[candidate] = Separates(candidate, normalizer, preTokenizer);
        if (!separates[' '])
            return null;
        if (separates['\r'] && separates['\n'] && !SeparatesLines(normalizer, preTokenizer))
            separates['\r'] = false;
        return new PipelinePlan(normalizer, preTokenizer, model, WordCuts.AtSeparators(separates, isolatesPunctuation))
        {
            InnerNormalizer = normalizer,
            MindsClusters = !OnlyBert(normalizer),
            // BPE without an unknown token may give no token at all for a pretoken, and then there is none that could end it.
            Pretokens = model is BpeModel ? PretokenTracking.None : PretokenTracking.InsideWords,
        };
    }

    /// <summary>
    /// The text is one pretoken, with spaces written as a marker: merges make only tokens, so none goes over a place between two
    /// characters that lie side by side in no token.
    /// </summary>
    private static PipelinePlan? TryCreateWholeText(Normalizer? normalizer, PreTokenizer? preTokenizer, BpeModel model)
    {
        if (model.Dropout is > 0 || model.IgnoreMerges || model.ContinuingSubwordPrefix.Length > 0 || model.EndOfWordSuffix.Length > 0)
            return null;
        Normalizer? inner = normalizer;
        bool isFirstSpecial = false;
        if (normalizer is SequenceNormalizer { Normalizers: [PrependNormalizer, ReplaceNormalizer replace] })
        {
            inner = replace;
            isFirstSpecial = true;
        }

        if (inner is not ReplaceNormalizer { Pattern: { IsRegex: false, Text: " " }, Content: "\u2581" })
            return null;
        // A split at spaces never splits: there are none left.
        if (preTokenizer is not (null or SplitPreTokenizer { Pattern: { IsRegex: false, Text: " " } }))
            return null;
        int[] byteIds = ByteTokens.Find(model.Vocabulary);
        int unknown = model.UnknownId ?? -1;
        var isSymbol = new bool[model.Vocabulary.IdLimit];
        foreach (int symbol in (ReadOnlySpan<int>)[.. byteIds, unknown])
        {
            if (symbol >= 0)
                isSymbol[symbol] = true;
        }

        for (int rank = 0; rank < model.Merges.Count; rank++)
        {
            (int left, int right, _) = model.Merges[rank];
            if (isSymbol[left] || isSymbol[right])
                return null; // symbols that are not the text they stand for
        }

        if (!model.Vocabulary.TryGetId("\u2581", out _))
            return null; // the marker would be unknown and could be fused with what is before it
        // With all bytes there nothing is unknown. Else unknown characters may be fused, and without an unknown token dropped
        // ones move the ranges behind them.
        bool knowsAll = model.ByteFallback && !byteIds.Contains(-1);
        if (!knowsAll && (model.ByteFallback || unknown < 0))
            return null;
        return new PipelinePlan(normalizer, preTokenizer, model, WordCuts.BetweenStrangers(model.Vocabulary, keepsUnknown: !knowsAll && model.FuseUnk))
        {
            InnerNormalizer = inner,
            IsFirstSpecial = isFirstSpecial,
            Pretokens = PretokenTracking.WholePiece,
        };
    }

    private static bool IsLocal(Normalizer? normalizer) => normalizer switch
    {
        null or BertNormalizer or PrecompiledNormalizer or LowercaseNormalizer or StripAccentsNormalizer or UnicodeNormalizer => true,
        SequenceNormalizer sequence => sequence.Normalizers.All(IsLocal),
        _ => false,
    };

    private static bool OnlyBert(Normalizer? normalizer) => normalizer is null or BertNormalizer or LowercaseNormalizer;

    private static bool Separates(byte separator, Normalizer? normalizer, PreTokenizer preTokenizer) =>
        Pieces([(byte)'a', separator, (byte)'b'], normalizer, preTokenizer) == 2
        && Pieces([(byte)'a', separator, separator, (byte)'b'], normalizer, preTokenizer) == 2
        && Pieces([separator, (byte)'b'], normalizer, preTokenizer) == 1
        && Pieces([separator], normalizer, preTokenizer) == 0;

    private static bool SeparatesLines(Normalizer? normalizer, PreTokenizer preTokenizer) =>
        Pieces("a\r\nb"u8, normalizer, preTokenizer) == 2 && Pieces("\r\n"u8, normalizer, preTokenizer) == 0;

    private static int Pieces(ReadOnlySpan<byte> text, Normalizer? normalizer, PreTokenizer preTokenizer)
    {
        var normalized = new NormalizedText();
        normalized.Reset(text, 0, tracksOffsets: true);
        normalizer?.Normalize(normalized);
        var pieces = new PreTokenizedText();
        pieces.Reset(normalized);
        preTokenizer.PreTokenize(pieces);
        return pieces.Count;
    }
}
