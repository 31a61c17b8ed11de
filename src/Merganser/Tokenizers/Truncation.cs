namespace Merganser.Tokenizers;

/// <summary>Which sequence of a pair is shortened.</summary>
public enum TruncationStrategy
{
    /// <summary>The longer one, then both.</summary>
    LongestFirst,

    /// <summary>Only the first.</summary>
    OnlyFirst,

    /// <summary>Only the second.</summary>
    OnlySecond,
}

/// <summary>An end of a sequence.</summary>
public enum TextDirection
{
    /// <summary>At the end.</summary>
    Right,

    /// <summary>At the beginning.</summary>
    Left,
}

/// <summary>
/// Limits the number of tokens. What is cut off is kept in windows of the same length (<see cref="Encoding.Overflowing"/>),
/// but, as in the reference, text is tokenised only until <see cref="MaxLength"/> tokens are reached, so that windows hold
/// no more than the last pretoken beyond it; and a <see cref="MaxLength"/> below the number of special tokens cuts nothing.
/// </summary>
public sealed record Truncation
{
    private readonly int _maxLength = 512;
    private readonly int _stride;

    /// <summary>The most tokens, special tokens included; default 512, at least 0.</summary>
    public int MaxLength
    {
        get => _maxLength;
        init => _maxLength = value >= 0 ? value : throw new MerganserException($"truncation max_length {value} is negative");
    }

    /// <summary>How many tokens a window repeats of the one before; default 0, less than the length of a window.</summary>
    public int Stride
    {
        get => _stride;
        init => _stride = value >= 0 ? value : throw new MerganserException($"truncation stride {value} is negative");
    }

    /// <summary>Which sequence of a pair is shortened; default longest first.</summary>
    public TruncationStrategy Strategy { get; init; }

    /// <summary>The end that is cut; default right.</summary>
    public TextDirection Direction { get; init; }
}
