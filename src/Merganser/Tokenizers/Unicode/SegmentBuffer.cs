using System.Text;

namespace Merganser.Tokenizers;

/// <summary>
/// One segment of a text on its way to a normal form: code points with the changes that tell where they came from. Of the
/// characters that one decomposes to the first has change 0, the others +1; reordering moves the changes along; composing
/// x and y gives change(x) + change(y) - 1.
/// </summary>
internal sealed class SegmentBuffer
{
    private int[] _codePoints = new int[64];
    private int[] _changes = new int[64];
    private long[] _keys = [];
    private int _count;
    private bool _isOrdered;
    private int _lastClass;

    public void Clear()
    {
        _count = 0;
        _isOrdered = true;
        _lastClass = 0;
    }

    public void AddDecomposed(int codePoint, bool isCompatibility)
    {
        if (Hangul.IsSyllable(codePoint))
        {
            int number = codePoint - Hangul.Base;
            Add(Hangul.LeadBase + (number / (Hangul.VowelCount * Hangul.TailCount)), 0);
            Add(Hangul.VowelBase + (number / Hangul.TailCount % Hangul.VowelCount), 1);
            if (number % Hangul.TailCount != 0)
                Add(Hangul.TailBase + (number % Hangul.TailCount), 1);
            return;
        }

        ReadOnlySpan<char> mapping = UnicodeTable.Decomposition(codePoint, isCompatibility);
        if (mapping.IsEmpty)
        {
            Add(codePoint, 0);
            return;
        }

        int change = 0;
        foreach (Rune rune in mapping.EnumerateRunes())
        {
            Add(rune.Value, change);
            change = 1;
        }
    }

    /// <summary>Brings the marks into canonical order and, when asked, composes.</summary>
    public void Finish(bool composes)
    {
        if (!_isOrdered)
            Order();
        if (composes)
            Compose();
    }

    public void Write(TextEditor editor)
    {
        for (int i = 0; i < _count; i++)
            editor.Emit(_codePoints[i], _changes[i]);
    }

    private void Add(int codePoint, int change)
    {
        if (_count == _codePoints.Length)
        {
            Array.Resize(ref _codePoints, checked(2 * _count));
            Array.Resize(ref _changes, 2 * _count);
        }

        int combiningClass = UnicodeTable.CombiningClass(codePoint);
        if (combiningClass != 0 && combiningClass < _lastClass)
            _isOrdered = false;
        _lastClass = combiningClass;
        _codePoints[_count] = codePoint;
        _changes[_count++] = change;
    }

    private void Order()
    {
        for (int start = 0; start < _count;)
        {
            if (UnicodeTable.CombiningClass(_codePoints[start]) == 0)
            {
                start++;
                continue;
            }

            int end = start + 1;
            while (end < _count && UnicodeTable.CombiningClass(_codePoints[end]) != 0)
                end++;
            SortMarks(start, end - start);
            start = end;
        }
    }

    // Stable: the place is part of the key.
    private void SortMarks(int start, int count)
    {
        if (count < 2)
            return;
        if (_keys.Length < 2 * count)
            _keys = new long[2 * count];
        for (int i = 0; i < count; i++)
        {
            _keys[i] = ((long)UnicodeTable.CombiningClass(_codePoints[start + i]) << 32) | (uint)i;
            _keys[count + i] = ((long)_codePoints[start + i] << 32) | (uint)_changes[start + i];
        }

        _keys.AsSpan(0, count).Sort();
        for (int i = 0; i < count; i++)
        {
            long item = _keys[count + (int)(uint)_keys[i]];
            _codePoints[start + i] = (int)(item >> 32);
            _changes[start + i] = (int)item;
        }
    }

    private void Compose()
    {
        int starter = -1;
        int lastClass = -1; // class of the last mark kept after the starter, -1 when there is none
        int written = 0;
        for (int i = 0; i < _count; i++)
        {
            int codePoint = _codePoints[i];
            int combiningClass = UnicodeTable.CombiningClass(codePoint);
            if (starter >= 0 && (lastClass < 0 || (lastClass < combiningClass && lastClass != 0)))
            {
                int composed = UnicodeForms.Compose(_codePoints[starter], codePoint);
                if (composed >= 0)
                {
                    _codePoints[starter] = composed;
                    _changes[starter] += _changes[i] - 1;
                    continue;
                }
            }

            if (combiningClass == 0)
            {
                starter = written;
                lastClass = -1;
            }
            else
            {
                lastClass = combiningClass;
            }

            _codePoints[written] = codePoint;
            _changes[written++] = _changes[i];
        }

        _count = written;
    }
}
