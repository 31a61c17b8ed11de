namespace Merganser.Tokenizers;

/// <summary>Splits at white space, which is dropped.</summary>
public sealed class WhitespaceSplitPreTokenizer : PreTokenizer
{
    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        CharacterSplit.Apply(text, SplitBehavior.Removed, default(WhiteSpaceTest));
    }
}
