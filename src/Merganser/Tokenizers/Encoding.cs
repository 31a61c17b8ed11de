namespace Merganser.Tokenizers;

/// <summary>
/// The result of encoding one text or a pair: parallel arrays with one entry per token. For ids alone use
/// <c>Tokenizer.EncodeToIds</c>, which makes none of the others.
/// </summary>
public sealed class Encoding
{
    /// <summary>An encoding without tokens.</summary>
    public static Encoding Empty { get; } = new();

    /// <summary>The token ids.</summary>
    public int[] Ids { get; init; } = [];

    /// <summary>0 for the first sequence, 1 for the second, as the post-processor says.</summary>
    public int[] TypeIds { get; init; } = [];

    /// <summary>For each token where it begins and ends in the text of its sequence; (0, 0) for tokens put in.</summary>
    public (int Start, int End)[] Offsets { get; init; } = [];

    /// <summary>The index of the pretoken of each token; null for tokens put in.</summary>
    public int?[] WordIds { get; init; } = [];

    /// <summary>0 or 1: the sequence of each token; null for tokens put in.</summary>
    public int?[] SequenceIds { get; init; } = [];

    /// <summary>1 for tokens that the post-processor or padding put in.</summary>
    public int[] SpecialTokensMask { get; init; } = [];

    /// <summary>0 for padding, 1 for everything else.</summary>
    public int[] AttentionMask { get; init; } = [];

    /// <summary>What truncation cut off, in windows of the same length.</summary>
    public IReadOnlyList<Encoding> Overflowing { get; init; } = [];

    /// <summary>The number of tokens.</summary>
    public int Count => Ids.Length;

    /// <summary>The white space at the ends of each token, for post-processors that leave it out of the offsets; otherwise null.</summary>
    internal EdgeSpaces[]? EdgeSpaces { get; init; }
}

/// <summary>How many characters of white space a token begins and ends with.</summary>
internal readonly record struct EdgeSpaces(int Leading, int Trailing);
