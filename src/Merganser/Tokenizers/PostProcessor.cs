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

    /// <summary>Whether offsets are trimmed, for which each token's white space must be known.</summary>
    internal virtual bool TrimsOffsets => false;

    /// <summary>
    /// One step of a sequence of post-processors: the parts of the encoding so far, which the last step joins.
    /// </summary>
    internal virtual List<Encoding> Apply(List<Encoding> parts, bool addSpecialTokens) => parts.Count is 1 or 2
        ? [Process(parts[0], parts.Count == 2 ? parts[1] : null, addSpecialTokens)]
        : throw new MerganserException("a post-processor after a template would have to see more than two sequences; put the template last");

    /// <summary>The ids put before and behind a single text, when that is all that happens to ids; otherwise null.</summary>
    internal virtual (int[] Before, int[] After)? Frame(bool addSpecialTokens) => null;

    /// <summary>What happens without a post-processor: the second sequence after the first, with type id 1.</summary>
    internal static Encoding Join(Encoding first, Encoding? second) => second is null ? first : EncodingSlices.Join([first, second]);
}
