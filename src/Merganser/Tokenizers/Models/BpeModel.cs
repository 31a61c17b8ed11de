namespace Merganser.Tokenizers;

/// <summary>
/// Byte-pair encoding (Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", arXiv 1508.07909): a
/// pretoken is cut into characters, then the adjacent pair of lowest rank is merged, leftmost first, until none is left.
/// Worst case O(n log n) for n characters. Tokens and pretokens are UTF-8 in the alphabet of the vocabulary.
/// </summary>
public sealed class BpeModel : TokenizerModel
{
    private readonly double? _dropout;

    /// <summary>Makes the model.</summary>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="merges">The merges, made with the same vocabulary.</param>
    /// <exception cref="ArgumentException">The merges belong to another vocabulary.</exception>
    public BpeModel(Vocabulary vocabulary, MergeTable merges)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        ArgumentNullException.ThrowIfNull(merges);
        if (!ReferenceEquals(vocabulary, merges.Vocabulary))
            throw new ArgumentException("the merges were made with another vocabulary", nameof(merges));
        Vocabulary = vocabulary;
        Merges = merges;
    }

    /// <inheritdoc/>
    public override Vocabulary Vocabulary { get; }

    /// <inheritdoc/>
    public override string Type => "BPE";

    /// <inheritdoc/>
    public override int? UnknownId => IdOf(UnkToken);

    /// <summary>The merges by rank.</summary>
    public MergeTable Merges { get; }

    /// <summary>The probability with which a merge is passed over (Provilkov et al., "BPE-Dropout", arXiv 1910.13267); null or 0: none. Range [0, 1].</summary>
    /// <exception cref="MerganserException">Outside [0, 1].</exception>
    public double? Dropout
    {
        get => _dropout;
        init => _dropout = value is null or (>= 0 and <= 1) ? value : throw new MerganserException($"dropout {value} is not between 0 and 1");
    }

    /// <summary>Seeds the dropout: encoders of one model with one seed make the same choices.</summary>
    public ulong Seed { get; init; }

    /// <summary>What stands for a character that is not in the vocabulary; null drops it.</summary>
    public string? UnkToken { get; init; }

    /// <summary>Put before every character of a pretoken but the first; may be empty. It comes with the merges.</summary>
    public string ContinuingSubwordPrefix => Merges.ContinuingSubwordPrefix;

    /// <summary>Put behind the last character of a pretoken; may be empty.</summary>
    public string EndOfWordSuffix { get; init; } = "";

    /// <summary>Whether adjacent unknown characters become one unknown token.</summary>
    public bool FuseUnk { get; init; }

    /// <summary>Whether a character that is not in the vocabulary becomes its bytes (<c>&lt;0xNN&gt;</c>), if all are there.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Whether a pretoken that is a token is taken whole, even if the merges would not make it.</summary>
    public bool IgnoreMerges { get; init; }

    /// <inheritdoc/>
    public override ModelEncoder CreateEncoder() => new BpeEncoder(this);
}
