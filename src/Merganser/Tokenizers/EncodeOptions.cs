namespace Merganser.Tokenizers;

/// <summary>How one text or batch is encoded.</summary>
public sealed record EncodeOptions
{
    /// <summary>Everything as the tokenizer says, offsets in UTF-16 units.</summary>
    public static EncodeOptions Default { get; } = new();

    /// <summary>Whether the post-processor puts special tokens in; default true.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>What offsets count; default UTF-16 units.</summary>
    public OffsetUnit OffsetUnit { get; init; }

    /// <summary>What is done with special tokens whose text occurs in the input; default allow.</summary>
    public SpecialTokenPolicy SpecialTokens { get; init; }

    /// <summary>Whether the truncation of the tokenizer is applied; default true.</summary>
    public bool Truncate { get; init; } = true;

    /// <summary>Whether the padding of the tokenizer is applied; default true.</summary>
    public bool Pad { get; init; } = true;

    /// <summary>The most threads a batch uses; default 0: one per core.</summary>
    public int MaxThreads { get; init; }
}
