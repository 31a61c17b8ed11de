namespace Merganser.Tokenizers;

/// <summary>What an instruction does.</summary>
internal enum PatternOp : byte
{
    /// <summary>One code point of the set.</summary>
    Set,

    /// <summary>Min to Max code points of the set, as many as possible first.</summary>
    Run,

    /// <summary>The same, as few as possible first.</summary>
    LazyRun,

    /// <summary>The same, and what was taken stays.</summary>
    PossessiveRun,

    /// <summary>First <c>Next</c>, then <c>Other</c>.</summary>
    Fork,

    /// <summary>A test of the place.</summary>
    Anchor,

    /// <summary>Tests what comes next with the program at <c>Other</c>.</summary>
    LookAhead,

    /// <summary>Tests what came before with the program at <c>Other</c>.</summary>
    LookBehind,

    /// <summary>The first match of the program at <c>Other</c>.</summary>
    Atomic,

    /// <summary>The end of the program or of one inside it.</summary>
    Accept,
}

/// <summary>The first bytes that a branch can go on with: ASCII as bits; others and the end of the text together.</summary>
internal readonly record struct FirstBytes(ulong Low, ulong High, bool Others)
{
    public static FirstBytes Any { get; } = new(ulong.MaxValue, ulong.MaxValue, true);

    public static FirstBytes None { get; }

    public FirstBytes Union(FirstBytes other) => new(Low | other.Low, High | other.High, Others | other.Others);

    public bool Overlaps(CodePointSet set)
    {
        (ulong low, ulong high) = set.Ascii;
        return (low & Low) != 0 || (high & High) != 0 || (Others && set.HasNonAscii);
    }
}

/// <summary>One instruction.</summary>
internal struct PatternInstruction
{
    public PatternOp Op;
    public PatternAnchor Anchor;

    /// <summary>Of a look-around: whether it must not match.</summary>
    public bool IsNegative;

    /// <summary>Of a run: whether shorter runs can lead to a match (if not, nothing is remembered for coming back).</summary>
    public bool CanGiveBack;

    public CodePointSet Set;
    public int Next;
    public int Other;
    public int Min;
    public int Max;

    /// <summary>The number under which failures here are remembered, or -1; look-arounds of one character use none.</summary>
    public int Slot;

    /// <summary>Of a run: the number of its failure range.</summary>
    public int RunNumber;

    public FirstBytes NextFirst;
    public FirstBytes OtherFirst;
}

/// <summary>A compiled regular expression. Immutable; matching happens in a <see cref="PatternMatcher"/>.</summary>
internal sealed class PatternProgram(PatternInstruction[] instructions, int start, string text)
{
    private IdlePool<PatternMatcher>? _matchers;

    public PatternInstruction[] Instructions { get; } = instructions;

    /// <summary>The first instruction.</summary>
    public int Start { get; } = start;

    /// <summary>The expression.</summary>
    public string Text { get; } = text;

    /// <summary>The first bytes of a match.</summary>
    public required FirstBytes First { get; init; }

    /// <summary>The number of slots for remembered failures.</summary>
    public required int Slots { get; init; }

    public required int Runs { get; init; }

    /// <summary>How many bytes before a place look-behind can reach with slots.</summary>
    public required int Margin { get; init; }

    /// <summary>Whether something that may match nothing is repeated: then failures cannot be carried from match to match.</summary>
    public required bool HasEmptyLoops { get; init; }

    /// <summary>Matchers; each serves one thread at a time.</summary>
    public IdlePool<PatternMatcher> Matchers => _matchers ??= new IdlePool<PatternMatcher>(() => new PatternMatcher(this));
}
