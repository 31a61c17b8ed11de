namespace Merganser.Tokenizers;

/// <summary>Drops white space and isolates punctuation (ASCII punctuation or a category P*).</summary>
public sealed class BertPreTokenizer : PreTokenizer
{
    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        CharacterSplit.Apply(text, SplitBehavior.Removed, default(WhiteSpaceTest));
        CharacterSplit.Apply(text, SplitBehavior.Isolated, default(PunctuationTest));
    }
}
