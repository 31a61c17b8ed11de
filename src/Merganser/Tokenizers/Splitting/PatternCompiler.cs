namespace Merganser.Tokenizers;

/// <summary>Turns an expression into instructions, from its end to its beginning.</summary>
internal sealed class PatternCompiler
{
    private const int MaxInstructions = 20_000;
    private const int MaxWork = 1_000_000;
    private const int MaxLookBehind = 255;
    private const int MaxRounds = 50;
    private const long Unbounded = 1L << 40;

    private readonly List<PatternInstruction> _code = [];
    private int _work;
    private int _runs;
    private int _margin;
    private bool _hasEmptyLoops;
    private int _lookBehindDepth;

    private PatternCompiler()
    {
    }

    /// <exception cref="MerganserException">The expression is wrong, too large, or uses something not supported.</exception>
    public static PatternProgram Compile(string pattern)
    {
        PatternNode node = PatternParser.Parse(pattern);
        var compiler = new PatternCompiler();
        int accept = compiler.Add(new PatternInstruction { Op = PatternOp.Accept });
        int start = compiler.Emit(node, accept);
        return compiler.Finish(start, pattern);
    }

    private PatternProgram Finish(int start, string pattern)
    {
        PatternInstruction[] code = [.. _code];
        FirstBytes[] first = FindFirst(code);
        var entries = new int[code.Length];
        entries[start]++;
        for (int pc = 0; pc < code.Length; pc++)
        {
            ref PatternInstruction instruction = ref code[pc];
            if (instruction.Op == PatternOp.Accept)
                continue;
            instruction.NextFirst = first[instruction.Next];
            entries[instruction.Next]++;
            if (instruction.Other < 0)
                continue;
            instruction.OtherFirst = first[instruction.Other];
            // What a look-around finds at a place is remembered at its beginning.
            entries[instruction.Other] += instruction.Op == PatternOp.Fork ? 1 : 2;
        }

        int slots = 0;
        for (int pc = 0; pc < code.Length; pc++)
        {
            ref PatternInstruction instruction = ref code[pc];
            instruction.Slot = entries[pc] >= 2 && instruction.Op != PatternOp.Accept ? slots++ : -1;
            if (instruction.Op == PatternOp.Run)
                instruction.CanGiveBack = instruction.CanGiveBack && instruction.NextFirst.Overlaps(instruction.Set);
        }

        return new PatternProgram(code, start, pattern)
        {
            First = first[start],
            Slots = slots,
            Runs = _runs,
            Margin = _margin,
            HasEmptyLoops = _hasEmptyLoops,
        };
    }

    // The least solution of: a set begins with itself, a fork with both ways, anything that takes nothing with what follows.
    private static FirstBytes[] FindFirst(PatternInstruction[] code)
    {
        var first = new FirstBytes[code.Length];
        bool changed = true;
        for (int round = 0; changed; round++)
        {
            if (round == MaxRounds)
            {
                Array.Fill(first, FirstBytes.Any);
                break;
            }

            changed = false;
            for (int pc = 0; pc < code.Length; pc++)
            {
                ref PatternInstruction instruction = ref code[pc];
                FirstBytes value = instruction.Op switch
                {
                    PatternOp.Accept => FirstBytes.Any,
                    PatternOp.Set => Of(instruction.Set),
                    PatternOp.Run or PatternOp.LazyRun or PatternOp.PossessiveRun =>
                        instruction.Min > 0 ? Of(instruction.Set) : Of(instruction.Set).Union(first[instruction.Next]),
                    PatternOp.Fork => first[instruction.Next].Union(first[instruction.Other]),
                    PatternOp.Atomic => first[instruction.Other],
                    _ => first[instruction.Next],
                };
                changed |= value != first[pc];
                first[pc] = value;
            }
        }

        return first;
    }

    private static FirstBytes Of(CodePointSet set)
    {
        (ulong low, ulong high) = set.Ascii;
        return new FirstBytes(low, high, set.HasNonAscii);
    }

    private int Add(PatternInstruction instruction)
    {
        if (_code.Count >= MaxInstructions)
            throw new MerganserException($"a split pattern grows to more than {MaxInstructions} steps; use smaller repetitions");
        if (instruction.Op != PatternOp.Fork && instruction.Other == 0)
            instruction.Other = -1;
        _code.Add(instruction);
        return _code.Count - 1;
    }

    private int Emit(PatternNode node, int next)
    {
        if (++_work > MaxWork)
            throw new MerganserException("a split pattern has too many nested repetitions");
        switch (node)
        {
            case EmptyNode:
                return next;
            case SetNode set:
                return Add(new PatternInstruction { Op = PatternOp.Set, Set = set.Set, Next = next });
            case AnchorNode anchor:
                return Add(new PatternInstruction { Op = PatternOp.Anchor, Anchor = anchor.Anchor, Next = next });
            case ConcatNode concat:
                for (int i = concat.Parts.Count - 1; i >= 0; i--)
                    next = Emit(concat.Parts[i], next);
                return next;
            case AlternateNode alternate:
                int entry = Emit(alternate.Choices[^1], next);
                for (int i = alternate.Choices.Count - 2; i >= 0; i--)
                    entry = Fork(Emit(alternate.Choices[i], next), entry);
                return entry;
            case AtomicNode atomic:
                return EmitAtomic(atomic.Body, next);
            case LookNode look:
                return EmitLook(look, next);
            case RepeatNode repeat:
                return EmitRepeat(repeat, next);
            default:
                throw new InvalidOperationException(node.GetType().Name);
        }
    }

    private int Fork(int first, int second) => Add(new PatternInstruction { Op = PatternOp.Fork, Next = first, Other = second });

    private int EmitAtomic(PatternNode body, int next)
    {
        if (body is RepeatNode { Body: SetNode set, Kind: not RepeatKind.Lazy } run)
            return EmitRun(set.Set, run.Min, run.Max, PatternOp.PossessiveRun, next);
        int behind = _lookBehindDepth;
        _lookBehindDepth = 0; // its end is free even inside look-behind
        int inner = Emit(body, Add(new PatternInstruction { Op = PatternOp.Accept }));
        _lookBehindDepth = behind;
        return Add(new PatternInstruction { Op = PatternOp.Atomic, Other = inner, Next = next });
    }

    private int EmitLook(LookNode look, int next)
    {
        PatternOp op = look.IsBehind ? PatternOp.LookBehind : PatternOp.LookAhead;
        var instruction = new PatternInstruction { Op = op, IsNegative = look.IsNegative, Next = next, Min = 1, Max = 1 };
        if (look.Body is SetNode set)
        {
            instruction.Set = set.Set;
            return Add(instruction);
        }

        if (look.IsBehind)
        {
            (long min, long max) = Length(look.Body);
            if (max > MaxLookBehind)
                throw new MerganserException($"a split pattern looks behind over more than {MaxLookBehind} characters, which is not supported; give the look-behind a bounded length");
            (instruction.Min, instruction.Max) = ((int)min, (int)max);
            _margin += 4 * (int)max;
            _lookBehindDepth++;
        }

        int depth = _lookBehindDepth;
        if (!look.IsBehind)
            _lookBehindDepth = 0;
        instruction.Other = Emit(look.Body, Add(new PatternInstruction { Op = PatternOp.Accept }));
        _lookBehindDepth = look.IsBehind ? depth - 1 : depth;
        return Add(instruction);
    }

    private int EmitRepeat(RepeatNode repeat, int next)
    {
        // (x*)* is x*: the ends are the same, and nothing empty is left to repeat.
        while (repeat is { Max: < 0, Kind: RepeatKind.Greedy, Min: <= 1, Body: RepeatNode { Max: < 0, Kind: RepeatKind.Greedy, Min: <= 1 } inside })
            repeat = inside with { Min = repeat.Min * inside.Min };
        PatternNode body = repeat.Body;
        if (body is SetNode set)
        {
            PatternOp op = repeat.Kind switch
            {
                RepeatKind.Greedy => PatternOp.Run,
                RepeatKind.Lazy => PatternOp.LazyRun,
                _ => PatternOp.PossessiveRun,
            };
            return EmitRun(set.Set, repeat.Min, repeat.Max, op, next);
        }

        if (repeat.Kind == RepeatKind.Possessive)
            return EmitAtomic(repeat with { Kind = RepeatKind.Greedy }, next);
        bool isLazy = repeat.Kind == RepeatKind.Lazy;
        int entry = next;
        if (repeat.Max < 0)
        {
            _hasEmptyLoops |= Length(body).Min == 0;
            int loop = Fork(next, next);
            int inner = Emit(body, loop);
            PatternInstruction fork = _code[loop];
            (fork.Next, fork.Other) = isLazy ? (next, inner) : (inner, next);
            _code[loop] = fork;
            entry = loop;
        }

        for (int i = repeat.Min; i < repeat.Max; i++)
        {
            int inner = Emit(body, entry);
            entry = isLazy ? Fork(next, inner) : Fork(inner, next);
        }

        for (int i = 0; i < repeat.Min; i++)
            entry = Emit(body, entry);
        return entry;
    }

    private int EmitRun(CodePointSet set, int min, int max, PatternOp op, int next) => Add(new PatternInstruction
    {
        Op = op,
        Set = set,
        Min = min,
        Max = max,
        Next = next,
        RunNumber = _runs++,
        // A match that nothing follows keeps what it took; only look-behind asks for another end.
        CanGiveBack = _code[next].Op != PatternOp.Accept || _lookBehindDepth > 0,
    });

    /// <summary>The least and the greatest number of code points of a match.</summary>
    private static (long Min, long Max) Length(PatternNode node)
    {
        switch (node)
        {
            case SetNode:
                return (1, 1);
            case AtomicNode atomic:
                return Length(atomic.Body);
            case ConcatNode concat:
                (long Min, long Max) sum = (0, 0);
                foreach (PatternNode part in concat.Parts)
                {
                    (long min, long max) = Length(part);
                    sum = (Math.Min(sum.Min + min, Unbounded), Math.Min(sum.Max + max, Unbounded));
                }

                return sum;
            case AlternateNode alternate:
                (long Min, long Max) either = (Unbounded, 0);
                foreach (PatternNode choice in alternate.Choices)
                {
                    (long min, long max) = Length(choice);
                    either = (Math.Min(either.Min, min), Math.Max(either.Max, max));
                }

                return either;
            case RepeatNode repeat:
                (long least, long most) = Length(repeat.Body);
                long top = repeat.Max < 0 ? (most == 0 ? 0 : Unbounded) : Math.Min(most * repeat.Max, Unbounded);
                return (Math.Min(least * repeat.Min, Unbounded), top);
            default:
                return (0, 0);
        }
    }
}
