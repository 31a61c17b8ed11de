namespace Merganser.Tokenizers;

/// <summary>A list of words: a pretoken is one token or unknown.</summary>
public sealed class WordLevelModel : TokenizerModel
{
    /// <summary>Makes the model.</summary>
    public WordLevelModel(Vocabulary vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        Vocabulary = vocabulary;
    }

    /// <inheritdoc/>
    public override Vocabulary Vocabulary { get; }

    /// <inheritdoc/>
    public override string Type => "WordLevel";

    /// <inheritdoc/>
    public override int? UnknownId => IdOf(UnkToken);

    /// <summary>What stands for a pretoken that is not in the vocabulary.</summary>
    public string UnkToken { get; init; } = "<unk>";

    /// <inheritdoc/>
    public override ModelEncoder CreateEncoder() => new Encoder(this);

    private sealed class Encoder(WordLevelModel model) : ModelEncoder
    {
        private readonly int _unknown = model.UnknownId ?? -1;

        public override void Encode(ReadOnlySpan<byte> pretoken, TokenBuffer tokens)
        {
            if (pretoken.IsEmpty)
                return;
            if (!model.Vocabulary.TryGetId(pretoken, out int id))
                id = _unknown >= 0 ? _unknown : throw new MerganserException($"the unknown token '{model.UnkToken}' is not in the vocabulary, and the text has a word that is not either; set unk_token");
            tokens.Add(id, 0, pretoken.Length);
        }
    }
}
