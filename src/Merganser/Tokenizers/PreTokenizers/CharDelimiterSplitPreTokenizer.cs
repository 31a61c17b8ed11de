namespace Merganser.Tokenizers;

/// <summary>Splits at a character, which is dropped.</summary>
public sealed class CharDelimiterSplitPreTokenizer : PreTokenizer
{
    /// <summary>The character: one code point.</summary>
    public required string Delimiter { get; init; }

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text) => throw new NotSupportedException();
}
