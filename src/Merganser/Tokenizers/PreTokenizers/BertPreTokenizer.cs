namespace Merganser.Tokenizers;

/// <summary>Drops white space and isolates punctuation (ASCII punctuation or a category P*).</summary>
public sealed class BertPreTokenizer : PreTokenizer
{
    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text) => throw new NotSupportedException();
}
