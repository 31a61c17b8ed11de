namespace Merganser.Tokenizers;

/// <summary>Rewrites text before it is cut into pretokens: one step of a <c>tokenizer.json</c> normalizer.</summary>
public abstract class Normalizer
{
    /// <summary>Rewrites the text in place; where each byte came from is carried along when the text tracks it.</summary>
    public abstract void Normalize(NormalizedText text);
}
