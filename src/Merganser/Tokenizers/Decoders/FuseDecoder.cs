namespace Merganser.Tokenizers;

/// <summary>Joins all tokens to one, so that the steps after it see the whole text.</summary>
public sealed class FuseDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        string text = string.Concat(tokens);
        tokens.Clear();
        tokens.Add(text);
    }
}
