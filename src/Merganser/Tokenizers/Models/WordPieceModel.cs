namespace Merganser.Tokenizers;

/// <summary>
/// WordPiece as BERT uses it (Devlin et al., arXiv 1810.04805): from the left the longest token that fits, tokens after the
/// first with a prefix; a pretoken that cannot be covered, or is too long, is one unknown token.
/// </summary>
public sealed class WordPieceModel : TokenizerModel
{
    private readonly Lazy<WordPieceTries> _tries;
    private readonly int _maxInputCharsPerWord = 100;

    /// <summary>Makes the model.</summary>
    public WordPieceModel(Vocabulary vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        Vocabulary = vocabulary;
        _tries = new Lazy<WordPieceTries>(() => new WordPieceTries(Vocabulary, ContinuingSubwordPrefix));
    }

    /// <inheritdoc/>
    public override Vocabulary Vocabulary { get; }

    /// <inheritdoc/>
    public override string Type => "WordPiece";

    /// <inheritdoc/>
    public override int? UnknownId => IdOf(UnkToken);

    /// <summary>What stands for a pretoken that cannot be covered.</summary>
    public string UnkToken { get; init; } = "[UNK]";

    /// <summary>Marks tokens that continue a word.</summary>
    public string ContinuingSubwordPrefix { get; init; } = "##";

    /// <summary>A pretoken of more code points is unknown; at least 0.</summary>
    /// <exception cref="MerganserException">Negative.</exception>
    public int MaxInputCharsPerWord
    {
        get => _maxInputCharsPerWord;
        init => _maxInputCharsPerWord = value >= 0 ? value : throw new MerganserException($"max_input_chars_per_word {value} is negative");
    }

    /// <summary>The tries of word starts and of continuations, made when first needed.</summary>
    internal WordPieceTries Tries => _tries.Value;

    /// <inheritdoc/>
    public override ModelEncoder CreateEncoder() => new WordPieceEncoder(this);
}
