namespace Merganser.Tokenizers;

/// <summary>What a regular expression was read into.</summary>
internal abstract record PatternNode;

/// <summary>Matches nothing in no space.</summary>
internal sealed record EmptyNode : PatternNode;

/// <summary>One code point of a set.</summary>
internal sealed record SetNode(CodePointSet Set) : PatternNode;

/// <summary>One after the other.</summary>
internal sealed record ConcatNode(IReadOnlyList<PatternNode> Parts) : PatternNode;

/// <summary>The first that leads to a match.</summary>
internal sealed record AlternateNode(IReadOnlyList<PatternNode> Choices) : PatternNode;

/// <summary>A repetition; a maximum of -1 is none.</summary>
internal sealed record RepeatNode(PatternNode Body, int Min, int Max, RepeatKind Kind) : PatternNode;

/// <summary>A group whose first match stands.</summary>
internal sealed record AtomicNode(PatternNode Body) : PatternNode;

/// <summary>Tests what comes next or what came before.</summary>
internal sealed record LookNode(PatternNode Body, bool IsBehind, bool IsNegative) : PatternNode;

/// <summary>Tests the place.</summary>
internal sealed record AnchorNode(PatternAnchor Anchor) : PatternNode;

/// <summary>How a repetition chooses.</summary>
internal enum RepeatKind
{
    Greedy,
    Lazy,
    Possessive,
}

/// <summary>Places in a text.</summary>
internal enum PatternAnchor
{
    TextStart,
    TextEnd,
    TextEndOrLastLineFeed,
    LineStart,
    LineEnd,
    WordBoundary,
    NoWordBoundary,
}
