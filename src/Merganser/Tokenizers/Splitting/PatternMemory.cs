namespace Merganser.Tokenizers;

/// <summary>What is known of an instruction at a place.</summary>
internal enum SlotState
{
    New,
    Failed,
    Succeeded,
}

/// <summary>Where an undo began, and whether what lies around it is logged too.</summary>
internal readonly record struct UndoMark(int Length, bool WasLogging);

/// <summary>
/// What a matcher remembers: two bits per slot and place (nothing came of it; a look-ahead was found true from it), in a ring
/// of rows that moves along with the search. The trail lists the slots on the way that is being tried, which have not failed
/// after all when it leads to a match.
/// </summary>
internal sealed class PatternMemory(PatternProgram program)
{
    /// <summary>The most entries of any of the lists, so that a pattern cannot take more than some hundred megabytes.</summary>
    public const int MaxEntries = 1 << 25;

    private const int ShownPattern = 60;

    private readonly int _words = (2 * program.Slots + 63) / 64;
    private readonly int _slots = program.Slots;
    private ulong[] _rows = [];
    private int _mask = -1;
    private int _base;
    private int _lastRow = -1;
    private long[] _trail = new long[16];
    private long[] _undo = [];
    private int _undoLength;
    private bool _isLogging;

    public int TrailLength { get; private set; }

    public static MerganserException TooLarge(PatternProgram program) =>
        new($"the split pattern '{Shorten(program.Text)}' needs too much memory on a text; split the text first or simplify the pattern");

    public static string Shorten(string pattern)
    {
        string line = pattern.ReplaceLineEndings(" ");
        return line.Length <= ShownPattern ? line : line[..ShownPattern] + "…";
    }

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        Clear(_base, _lastRow);
        _base = 0;
        _lastRow = -1;
        TrailLength = 0;
        _undoLength = 0;
        _isLogging = false;
    }

    /// <summary>Forgets what lies before the beginning of a search, less what look-behind can reach.</summary>
    public void Advance(int start)
    {
        int first = start - program.Margin;
        if (first <= _base)
            return;
        Clear(_base, Math.Min(first - 1, _lastRow));
        _base = first;
    }

    /// <summary>Comes to an instruction at a place: unless it is known, it counts as failed until something comes of it.</summary>
    public SlotState Enter(int slot, int at)
    {
        if (at < _base)
            return SlotState.New;
        if (at > _lastRow)
            Reach(at);
        ref ulong word = ref Word(slot, at, out int shift);
        int bits = (int)(word >> shift) & 3;
        if (bits != 0)
            return (bits & 2) != 0 ? SlotState.Succeeded : SlotState.Failed;
        word |= 1UL << shift;
        long entry = ((long)at * _slots) + slot;
        Append(ref _trail, TrailLength++, entry);
        if (_isLogging)
            Append(ref _undo, _undoLength++, entry);
        return SlotState.New;
    }

    /// <summary>Takes back a part of the trail that led nowhere.</summary>
    public void CutTrail(int length) => TrailLength = length;

    /// <summary>Ends a trail that led to a match: what is on it has not failed.</summary>
    public void Settle(int from, bool isProven)
    {
        for (int i = from; i < TrailLength; i++)
            Set(_trail[i], isProven ? 2UL : 0UL);
        TrailLength = from;
    }

    /// <summary>Begins a part whose findings hold only inside it (or, without logging, hold whatever lies around it).</summary>
    public UndoMark BeginUndo(bool logs)
    {
        var mark = new UndoMark(_undoLength, _isLogging);
        _isLogging = logs;
        return mark;
    }

    /// <summary>Forgets what was logged since the mark.</summary>
    public void EndUndo(UndoMark mark)
    {
        for (int i = mark.Length; i < _undoLength; i++)
            Set(_undo[i], 0);
        _undoLength = mark.Length;
        _isLogging = mark.WasLogging;
    }

    private void Set(long entry, ulong bits)
    {
        ref ulong word = ref Word((int)(entry % _slots), (int)(entry / _slots), out int shift);
        word = (word & ~(3UL << shift)) | (bits << shift);
    }

    private ref ulong Word(int slot, int at, out int shift)
    {
        shift = (2 * slot) & 63;
        return ref _rows[((at & _mask) * _words) + (2 * slot / 64)];
    }

    private void Reach(int at)
    {
        int needed = at - _base + 1;
        int capacity = _mask + 1;
        if (needed > capacity)
        {
            long wanted = Math.Max(64, capacity);
            while (wanted < needed)
                wanted *= 2;
            if (wanted * _words > MaxEntries)
                throw TooLarge(program);
            var rows = new ulong[wanted * _words];
            int mask = (int)wanted - 1;
            for (int row = _base; row <= _lastRow; row++)
                _rows.AsSpan((row & _mask) * _words, _words).CopyTo(rows.AsSpan((row & mask) * _words));
            _rows = rows;
            _mask = mask;
        }

        _lastRow = at;
    }

    private void Clear(int first, int last)
    {
        for (int row = first; row <= last; row++)
            _rows.AsSpan((row & _mask) * _words, _words).Clear();
    }

    private void Append(ref long[] list, int at, long entry)
    {
        if (at == list.Length)
        {
            if (at >= MaxEntries)
                throw TooLarge(program);
            Array.Resize(ref list, Math.Max(16, 2 * at));
        }

        list[at] = entry;
    }
}
