namespace Merganser.Tokenizers;

/// <summary>Splits at white space, which is dropped.</summary>
public sealed class WhitespaceSplitPreTokenizer : PreTokenizer
{
    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text) => throw new NotSupportedException();
}
