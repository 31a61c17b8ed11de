using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// Runs a <see cref="PatternProgram"/> on one thread: backtracking that remembers, per place in the text and per instruction
/// that several ways lead to, that nothing came of it; so each is tried once and time stays linear. What cannot be
/// remembered that way (empty repetitions, look-behind) is bounded by a number of steps.
/// </summary>
internal sealed partial class PatternMatcher
{
    private const int NoMatch = -1;
    private const int NoEnd = -1;
    private const int Resume = -1;
    private const long FreeSteps = 50_000_000;
    private const long StepsPerByte = 200;

    private readonly PatternProgram _program;
    private readonly PatternMemory _memory;
    private readonly int[] _failLow; // per run: from here to _failHigh what follows the run is known to fail
    private readonly int[] _failHigh;
    private readonly int[] _runLow; // per run: characters of the set lie from here to _runHigh, where the set ends
    private readonly int[] _runHigh;
    private Choice[] _choices = new Choice[64];
    private int _choiceCount;
    private long _steps;

    public PatternMatcher(PatternProgram program)
    {
        _program = program;
        _memory = new PatternMemory(program);
        _failLow = new int[program.Runs];
        _failHigh = new int[program.Runs];
        _runLow = new int[program.Runs];
        _runHigh = new int[program.Runs];
    }

    /// <summary>Forgets everything about the text before.</summary>
    public void Begin(int length)
    {
        _memory.Reset();
        ForgetRuns();
        _runLow.AsSpan().Fill(-1);
        _runHigh.AsSpan().Fill(-1);
        _choiceCount = 0;
        _steps = FreeSteps + (StepsPerByte * length);
    }

    /// <summary>Finds the first match that begins at a place or after it.</summary>
    /// <param name="text">The text that <see cref="Begin"/> was told of; it must be the same from call to call.</param>
    /// <param name="from">Where to begin; not before the end of the last match.</param>
    /// <param name="start">The first byte of the match.</param>
    /// <param name="end">The end of the match.</param>
    /// <exception cref="MerganserException">The pattern takes too many steps or too much memory on this text.</exception>
    public bool Find(ReadOnlySpan<byte> text, int from, out int start, out int end)
    {
        FirstBytes first = _program.First;
        for (start = from; start <= text.Length;)
        {
            if (CanBegin(text, start, first))
            {
                _memory.Advance(start);
                end = Run(text, _program.Start, start, NoEnd, SubProgram.None);
                if (end != NoMatch)
                    return true;
            }

            start += start < text.Length ? Utf8.LengthAt(text, start, text.Length) : 1;
        }

        end = start;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool CanBegin(ReadOnlySpan<byte> text, int at, in FirstBytes first)
    {
        if ((uint)at >= (uint)text.Length || text[at] >= 0x80)
            return first.Others;
        return ((text[at] < 64 ? first.Low : first.High) >> (text[at] & 63) & 1) != 0;
    }

    /// <summary>Runs a program or one inside it from a place.</summary>
    /// <returns>The end of the match or <see cref="NoMatch"/>.</returns>
    private int Run(ReadOnlySpan<byte> text, int pc, int at, int requiredEnd, SubProgram kind)
    {
        PatternInstruction[] code = _program.Instructions;
        bool isUndone = requiredEnd != NoEnd || (_program.HasEmptyLoops && kind != SubProgram.None);
        bool keepsRuns = !isUndone && !_program.HasEmptyLoops;
        int bottom = _choiceCount;
        int trail = _memory.TrailLength;
        UndoMark undo = _memory.BeginUndo(isUndone);
        while (true)
        {
            ref PatternInstruction instruction = ref code[pc];
            if (instruction.Slot >= 0)
            {
                SlotState state = _memory.Enter(instruction.Slot, at);
                if (state == SlotState.Failed)
                    goto Fail;
                if (state == SlotState.Succeeded)
                    return Succeed(kind, at, bottom, trail, undo);
            }

            switch (instruction.Op)
            {
                case PatternOp.Set:
                    if (at >= text.Length || !Takes(instruction.Set, text, ref at))
                        goto Fail;
                    break;
                case PatternOp.Fork:
                    if (!CanBegin(text, at, instruction.NextFirst))
                    {
                        pc = instruction.Other;
                        continue;
                    }

                    if (CanBegin(text, at, instruction.OtherFirst))
                        Push(instruction.Other, at, Resume);
                    break;
                case PatternOp.Run:
                    if (!Take(text, ref instruction, pc, ref at, keepsRuns))
                        goto Fail;
                    break;
                case PatternOp.PossessiveRun:
                    if (!TakeAll(text, ref instruction, ref at, out _))
                        goto Fail;
                    break;
                case PatternOp.LazyRun:
                    if (!TakeTimes(text, instruction.Set, instruction.Min, ref at))
                        goto Fail;
                    if (instruction.Max != instruction.Min)
                        Push(pc, at, instruction.Min);
                    break;
                case PatternOp.Anchor:
                    if (!PatternAnchors.Holds(instruction.Anchor, text, at))
                        goto Fail;
                    break;
                case PatternOp.LookAhead:
                    if (LookAhead(text, ref instruction, at) == instruction.IsNegative)
                        goto Fail;
                    break;
                case PatternOp.LookBehind:
                    if (LookBehind(text, ref instruction, at) == instruction.IsNegative)
                        goto Fail;
                    break;
                case PatternOp.Atomic:
                    at = Run(text, instruction.Other, at, NoEnd, SubProgram.Atomic);
                    if (at == NoMatch)
                        goto Fail;
                    break;
                default:
                    if (requiredEnd == NoEnd || at == requiredEnd)
                        return Succeed(kind, at, bottom, trail, undo);
                    goto Fail;
            }

            pc = instruction.Next;
            continue;
        Fail:
            if (!Back(text, code, bottom, keepsRuns, ref pc, ref at))
            {
                _memory.CutTrail(trail);
                _memory.EndUndo(undo);
                return NoMatch;
            }
        }
    }

    private int Succeed(SubProgram kind, int at, int bottom, int trail, UndoMark undo)
    {
        _choiceCount = bottom;
        if (_program.HasEmptyLoops && kind == SubProgram.None)
        {
            // A way that was cut because it ran in a circle may have been noted as failed: start afresh.
            _memory.Reset();
            ForgetRuns();
        }
        else
        {
            _memory.Settle(trail, isProven: kind == SubProgram.LookAhead);
            _memory.EndUndo(undo);
        }

        return at;
    }

    private bool Back(ReadOnlySpan<byte> text, PatternInstruction[] code, int bottom, bool keepsRuns, ref int pc, ref int at)
    {
        while (_choiceCount > bottom)
        {
            Spend(1);
            ref Choice choice = ref _choices[_choiceCount - 1];
            _memory.CutTrail(choice.Trail);
            if (choice.Extra == Resume)
            {
                _choiceCount--;
                pc = choice.Pc;
                at = choice.At;
                return true;
            }

            ref PatternInstruction instruction = ref code[choice.Pc];
            bool goesOn = instruction.Op == PatternOp.Run
                ? GiveBack(text, ref instruction, ref choice, keepsRuns)
                : TakeOneMore(text, ref instruction, ref choice);
            if (goesOn)
            {
                pc = instruction.Next;
                at = choice.At;
                return true;
            }

            _choiceCount--;
        }

        return false;
    }

    private bool LookAhead(ReadOnlySpan<byte> text, ref PatternInstruction instruction, int at)
    {
        if (instruction.Other >= 0)
            return Run(text, instruction.Other, at, NoEnd, SubProgram.LookAhead) != NoMatch;
        return at < text.Length && Takes(instruction.Set, text, ref at);
    }

    private bool LookBehind(ReadOnlySpan<byte> text, ref PatternInstruction instruction, int at)
    {
        if (instruction.Other < 0)
            return at > 0 && instruction.Set.Contains(Utf8.DecodeBackward(text, at, out _));
        int start = at;
        for (int count = 0; count <= instruction.Max; count++)
        {
            if (count >= instruction.Min && Run(text, instruction.Other, start, at, SubProgram.LookBehind) != NoMatch)
                return true;
            if (start == 0)
                return false;
            Utf8.DecodeBackward(text, start, out int length);
            start -= length;
        }

        return false;
    }

    private void Push(int pc, int at, int extra)
    {
        if (_choiceCount == _choices.Length)
        {
            if (_choiceCount >= PatternMemory.MaxEntries)
                throw PatternMemory.TooLarge(_program);
            Array.Resize(ref _choices, 2 * _choiceCount);
        }

        _choices[_choiceCount++] = new Choice { Pc = pc, At = at, Extra = extra, Trail = _memory.TrailLength };
    }

    private void Spend(long steps)
    {
        _steps -= steps;
        if (_steps < 0)
            throw new MerganserException($"the split pattern '{PatternMemory.Shorten(_program.Text)}' takes too many steps on a text; simplify its repetitions and look-arounds");
    }

    private void ForgetRuns()
    {
        _failLow.AsSpan().Fill(-1);
        _failHigh.AsSpan().Fill(-1);
    }

    private struct Choice
    {
        public int Pc;
        public int At;

        /// <summary>Resume, or of a run the least place it may shrink to, or of a lazy run the number taken.</summary>
        public int Extra;

        public int Trail;
    }

    private enum SubProgram
    {
        None,
        LookAhead,
        LookBehind,
        Atomic,
    }
}
