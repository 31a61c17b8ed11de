namespace Merganser.Tokenizers;

/// <summary>Joins one or two encoded sequences and adds special tokens.</summary>
public abstract class PostProcessor
{
    /// <summary>The number of tokens that <see cref="Process"/> adds.</summary>
    /// <param name="isPair">Whether there are two sequences.</param>
    public abstract int AddedTokens(bool isPair);

    /// <summary>Makes the final encoding of one text or of a pair.</summary>
    /// <param name="first">The first sequence.</param>
    /// <param name="second">The second sequence, or null.</param>
    /// <param name="addSpecialTokens">Whether special tokens are put in.</param>
    public abstract Encoding Process(Encoding first, Encoding? second, bool addSpecialTokens);
}
