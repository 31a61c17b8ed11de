using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

internal sealed partial class PatternMatcher
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Takes(CodePointSet set, ReadOnlySpan<byte> text, ref int at)
    {
        int value = text[at];
        if (value < 0x80)
        {
            if (!set.ContainsAscii(value))
                return false;
            at++;
            return true;
        }

        if (!set.Contains(Utf8.Decode(text, at, out int length)))
            return false;
        at += length;
        return true;
    }

    private static bool TakeTimes(ReadOnlySpan<byte> text, CodePointSet set, int times, ref int at)
    {
        for (; times > 0; times--)
        {
            if (at >= text.Length || !Takes(set, text, ref at))
                return false;
        }

        return true;
    }

    /// <summary>Takes as many characters as a run may; false when there are too few.</summary>
    private bool TakeAll(ReadOnlySpan<byte> text, ref PatternInstruction instruction, ref int at, out int least)
    {
        CodePointSet set = instruction.Set;
        int start = at;
        bool suffices = TakeTimes(text, set, instruction.Min, ref at);
        least = at;
        if (!suffices)
            return false;
        if (instruction.Max >= 0)
        {
            for (int left = instruction.Max - instruction.Min; left > 0 && at < text.Length && Takes(set, text, ref at); left--)
            {
            }

            Spend(at - start);
            return true;
        }

        int run = instruction.RunNumber;
        int low = _runLow[run];
        int high = _runHigh[run];
        if (at < high && at >= low)
        {
            at = high;
            return true;
        }

        while (at < text.Length && Takes(set, text, ref at))
        {
            // From here on it is known; without this a run that is begun again further and further left would be read each time.
            if (at == low)
            {
                Spend(at - start);
                _runLow[run] = least;
                at = high;
                return true;
            }
        }

        Spend(at - start);
        _runLow[run] = least;
        _runHigh[run] = at;
        return true;
    }

    /// <summary>Takes a run and remembers that it may shrink.</summary>
    private bool Take(ReadOnlySpan<byte> text, ref PatternInstruction instruction, int pc, ref int at, bool keepsRuns)
    {
        if (!TakeAll(text, ref instruction, ref at, out int least))
            return false;
        if (at == least || !instruction.CanGiveBack)
            return true;
        if (keepsRuns && !SkipFailed(text, instruction.RunNumber, least, ref at))
            return false;
        if (at > least)
            Push(pc, at, least);
        return true;
    }

    /// <summary>Shrinks a run to the next place where what follows may match; false when there is none.</summary>
    private bool GiveBack(ReadOnlySpan<byte> text, ref PatternInstruction instruction, ref Choice choice, bool keepsRuns)
    {
        int at = choice.At;
        int least = choice.Extra;
        int run = instruction.RunNumber;
        if (keepsRuns)
            NoteFailed(text, run, at);
        int steps = 0;
        while (at > least)
        {
            Utf8.DecodeBackward(text, at, out int length);
            at -= length;
            steps++;
            if (!CanBegin(text, at, instruction.NextFirst))
            {
                if (keepsRuns)
                    NoteFailed(text, run, at);
                continue;
            }

            if (keepsRuns && !SkipFailed(text, run, least, ref at))
                break;
            Spend(steps);
            if (!CanBegin(text, at, instruction.NextFirst))
                continue;
            choice.At = at;
            return true;
        }

        Spend(steps);
        return false;
    }

    // What is known to fail from _failLow to _failHigh is stepped over.
    private bool SkipFailed(ReadOnlySpan<byte> text, int run, int least, ref int at)
    {
        if (at > _failHigh[run] || at < _failLow[run])
            return true;
        at = _failLow[run];
        if (at <= least)
            return false;
        Utf8.DecodeBackward(text, at, out int length);
        at -= length;
        return at >= least;
    }

    private void NoteFailed(ReadOnlySpan<byte> text, int run, int at)
    {
        if (at <= _failHigh[run] && at >= _failLow[run])
            return;
        if (at < text.Length && _failLow[run] == at + Utf8.LengthAt(text, at, text.Length))
        {
            _failLow[run] = at;
            return;
        }

        _failLow[run] = at;
        _failHigh[run] = at;
    }

    private static bool TakeOneMore(ReadOnlySpan<byte> text, ref PatternInstruction instruction, ref Choice choice)
    {
        int at = choice.At;
        if ((instruction.Max >= 0 && choice.Extra >= instruction.Max) || at >= text.Length || !Takes(instruction.Set, text, ref at))
            return false;
        choice.At = at;
        choice.Extra++;
        return true;
    }
}
