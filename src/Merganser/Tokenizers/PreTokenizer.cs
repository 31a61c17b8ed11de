namespace Merganser.Tokenizers;

/// <summary>Cuts normalised text into pretokens, each of which goes to the model alone.</summary>
public abstract class PreTokenizer
{
    /// <summary>Cuts the pieces of a text further; some also rewrite them (byte-level alphabet, word marker).</summary>
    public abstract void PreTokenize(PreTokenizedText text);
}
