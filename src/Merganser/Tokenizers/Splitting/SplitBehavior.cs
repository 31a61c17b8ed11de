namespace Merganser.Tokenizers;

/// <summary>What becomes of the places that a pattern matches when text is split at them.</summary>
public enum SplitBehavior
{
    /// <summary>Matches are dropped.</summary>
    Removed,

    /// <summary>Every match is a piece of its own.</summary>
    Isolated,

    /// <summary>A match is joined to the gap before it; of adjacent matches only the first.</summary>
    MergedWithPrevious,

    /// <summary>A match is joined to the gap after it; of adjacent matches only the last.</summary>
    MergedWithNext,

    /// <summary>Adjacent matches form one piece.</summary>
    Contiguous,
}
