namespace Merganser.Tokenizers;

/// <summary>Splits where the script changes. Hiragana, Katakana and U+30FC count as Han; a space goes with any script.</summary>
public sealed class UnicodeScriptsPreTokenizer : PreTokenizer
{
    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text) => throw new NotSupportedException();
}
