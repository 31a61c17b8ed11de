namespace Merganser.Tokenizers;

/// <summary>One step on the way from the strings of tokens back to text.</summary>
public abstract class TokenDecoder
{
    /// <summary>Rewrites the list of token strings in place; the text is their concatenation after the last step.</summary>
    public abstract void Decode(List<string> tokens);
}
