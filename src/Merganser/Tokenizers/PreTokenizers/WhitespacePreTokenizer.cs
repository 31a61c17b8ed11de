namespace Merganser.Tokenizers;

/// <summary>Keeps runs of word characters and runs of other characters that are no white space: <c>\w+|[^\w\s]+</c>.</summary>
public sealed class WhitespacePreTokenizer : PreTokenizer
{
    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text) => throw new NotSupportedException();
}
