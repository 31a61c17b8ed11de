namespace Merganser.Tokenizers;

/// <summary>
/// The part of a tokenizer that turns one pretoken into tokens: BPE, Unigram, WordPiece or a list of words. A model never
/// changes after it was made; what an encoding needs to remember lives in a <see cref="ModelEncoder"/>.
/// </summary>
public abstract class TokenizerModel
{
    /// <summary>The tokens that the model knows, without added tokens.</summary>
    public abstract Vocabulary Vocabulary { get; }

    /// <summary>The <c>type</c> of the model in tokenizer.json: BPE, Unigram, WordPiece or WordLevel.</summary>
    public abstract string Type { get; }

    /// <summary>The id that stands for what the model does not know; null when it has none.</summary>
    public virtual int? UnknownId => null;

    /// <summary>The id of an unknown token that is given by its text.</summary>
    private protected int? IdOf(string? unknownToken) => unknownToken is not null && Vocabulary.TryGetId(unknownToken, out int id) ? id : null;

    /// <summary>Makes an encoder with memory of its own; one per thread.</summary>
    public abstract ModelEncoder CreateEncoder();
}

/// <summary>Encodes pretokens on one thread.</summary>
public abstract class ModelEncoder
{
    /// <summary>Appends the tokens of one pretoken. Ranges are bytes inside <paramref name="pretoken"/>.</summary>
    /// <param name="pretoken">UTF-8 text in the alphabet of the vocabulary.</param>
    /// <param name="tokens">Where the tokens go.</param>
    /// <exception cref="MerganserException">The pretoken cannot be encoded and the model has no unknown token.</exception>
    public abstract void Encode(ReadOnlySpan<byte> pretoken, TokenBuffer tokens);
}
