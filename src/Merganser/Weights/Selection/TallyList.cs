namespace Merganser.Weights.Selection;

/// <summary>
/// Keys with how often each came. Equal keys are joined when the list has reached its greatest length, so that ties, of which
/// changes of narrow floating-point types are full, then take no more memory.
/// </summary>
internal sealed class TallyList(int most)
{
    private ulong[] _keys = [];
    private uint[] _counts = [];
    private int _used;

    /// <summary>True when more different keys came than fit; the tally is then of no use.</summary>
    public bool Overflowed { get; private set; }

    /// <summary>Adds a key once.</summary>
    public void Add(ulong key)
    {
        if (_used == _keys.Length)
            MakeRoom();
        _keys[_used] = key;
        _counts[_used++] = 1;
    }

    /// <summary>The number of keys, equal ones that were not joined counted each.</summary>
    public int Count => _used;

    /// <summary>Copies keys and counts.</summary>
    public void CopyTo(Span<ulong> keys, Span<uint> counts)
    {
        _keys.AsSpan(0, _used).CopyTo(keys);
        _counts.AsSpan(0, _used).CopyTo(counts);
    }

    private void MakeRoom()
    {
        if (_keys.Length >= most)
        {
            Join();
            if (_used <= most / 2)
                return;
            Overflowed = true;
            _used = 0;
            return;
        }

        int room = Math.Min(most, Math.Max(1 << 10, 2 * _keys.Length));
        Array.Resize(ref _keys, room);
        Array.Resize(ref _counts, room);
    }

    private void Join()
    {
        if (_used == 0)
            return;
        Array.Sort(_keys, _counts, 0, _used);
        int last = 0;
        for (int i = 1; i < _used; i++)
        {
            if (_keys[i] == _keys[last])
            {
                _counts[last] += _counts[i];
                continue;
            }

            _keys[++last] = _keys[i];
            _counts[last] = _counts[i];
        }

        _used = last + 1;
    }
}
