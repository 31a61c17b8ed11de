namespace Merganser.Tokenizers;

/// <summary>Cuts normalised text into pretokens, each of which goes to the model alone.</summary>
public abstract class PreTokenizer
{
    /// <summary>
    /// Whether the pieces depend on where text came from (<see cref="PreTokenizedText.StartsAtOriginalZero"/>): then a text that
    /// went through a normalizer must track offsets even when nobody asks for them.
    /// </summary>
    internal virtual bool NeedsOffsets => false;

    /// <summary>Cuts the pieces of a text further; some also rewrite them (byte-level alphabet, word marker).</summary>
    public abstract void PreTokenize(PreTokenizedText text);
}
