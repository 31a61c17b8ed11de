namespace Merganser.Tokenizers;

/// <summary>Splits at punctuation (ASCII punctuation or a category P*).</summary>
public sealed class PunctuationPreTokenizer : PreTokenizer
{
    /// <summary>What becomes of the punctuation; default isolated.</summary>
    public SplitBehavior Behavior { get; init; } = SplitBehavior.Isolated;

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        CharacterSplit.Apply(text, Behavior, default(PunctuationTest));
    }
}
