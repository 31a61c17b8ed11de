namespace Merganser.Tokenizers;

/// <summary>Separates numeric characters (categories N*) from the rest.</summary>
public sealed class DigitsPreTokenizer : PreTokenizer
{
    /// <summary>Whether every digit is a piece; default false: runs of digits stay together.</summary>
    public bool IndividualDigits { get; init; }

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        CharacterSplit.Apply(text, IndividualDigits ? SplitBehavior.Isolated : SplitBehavior.Contiguous, default(NumberTest));
    }
}
