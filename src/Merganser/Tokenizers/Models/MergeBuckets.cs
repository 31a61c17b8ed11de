namespace Merganser.Tokenizers;

/// <summary>
/// Merges very long rows: positions wait in one list per rank, and the ranks are gone through once, upwards. That is exact only
/// where a token never takes part in a merge of a lower rank than the one that made it (<see cref="MergeTable.IsAscending"/>).
/// Each push is O(1), and the positions of a rank are worked on in order, so memory is walked through forwards. One per thread.
/// </summary>
internal sealed class MergeBuckets(MergeTable merges)
{
    private const uint None = uint.MaxValue;

    private int[] _heads = []; // the last entry of each rank, + 1; 0: none
    private long[] _entries = []; // position, and in the upper half the entry before it, + 1
    private int _used;
    private int[] _next = [];
    private int[] _previous = [];
    private uint[] _ranks = []; // of the pair that starts at a position; None where no pair does
    private int[] _positions = []; // of the rank that is being merged

    /// <summary>Merges; as <see cref="MergeEngine.Merge(Span{int}, Span{int})"/>.</summary>
    public int Merge(Span<int> ids, Span<int> lengths)
    {
        int count = ids.Length;
        Prepare(ids);
        for (int rank = 0; rank < _heads.Length; rank++)
        {
            if (_heads[rank] == 0)
                continue;
            int result = merges.Result(rank);
            foreach (int at in Take(rank))
            {
                if (_ranks[at] != (uint)rank)
                    continue; // a neighbour has been merged since
                int gone = _next[at];
                ids[at] = result;
                lengths[at] += lengths[gone];
                _ranks[gone] = None;
                int after = _next[gone];
                _next[at] = after;
                if (after < count)
                    _previous[after] = at;
                SetPair(ids, at, after);
                if (at > 0)
                    SetPair(ids, _previous[at], at);
            }
        }

        int kept = 0;
        for (int i = 0; i < count; i = _next[i])
        {
            ids[kept] = ids[i];
            lengths[kept++] = lengths[i];
        }

        return kept;
    }

    private void Prepare(ReadOnlySpan<int> ids)
    {
        int count = ids.Length;
        if (_next.Length < count)
        {
            _next = new int[count];
            _previous = new int[count];
            _ranks = new uint[count];
        }

        if (_entries.Length < count)
            _entries = new long[count];
        if (_heads.Length == 0)
            _heads = new int[merges.Count];
        _used = 0;
        for (int i = 0; i < count; i++)
        {
            _next[i] = i + 1;
            _previous[i] = i - 1;
            SetPair(ids, i, i + 1);
        }
    }

    private void SetPair(ReadOnlySpan<int> ids, int left, int right)
    {
        int rank = right < ids.Length ? merges.Rank(ids[left], ids[right]) : -1;
        _ranks[left] = (uint)rank;
        if (rank < 0)
            return;
        if (_used == _entries.Length)
            Array.Resize(ref _entries, checked(_used + (_used >> 1) + 16));
        _entries[_used] = ((long)_heads[rank] << 32) | (uint)left;
        _heads[rank] = ++_used;
    }

    /// <summary>Empties the list of a rank.</summary>
    /// <returns>Its positions from left to right, some of them perhaps twice.</returns>
    private Span<int> Take(int rank)
    {
        int count = 0;
        for (int entry = _heads[rank]; entry != 0; entry = (int)(_entries[entry - 1] >> 32))
        {
            if (count == _positions.Length)
                Array.Resize(ref _positions, Math.Max(256, 2 * count));
            _positions[count++] = (int)_entries[entry - 1];
        }

        _heads[rank] = 0;
        Span<int> positions = _positions.AsSpan(0, count);
        positions.Reverse(); // the last to come is the first in the list
        for (int i = 1; i < count; i++)
        {
            if (positions[i - 1] > positions[i])
            {
                positions.Sort();
                break;
            }
        }

        return positions;
    }
}
