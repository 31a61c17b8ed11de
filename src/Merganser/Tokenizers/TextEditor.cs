using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// Writes the next state of a text, code point by code point. Where each came from follows from its change alone: 0 replaces
/// one source character and takes its range; a positive change inserts and takes the range of the source character consumed
/// last; -n replaces one character, takes the range of that one only, and swallows the n after it. A cursor over the source
/// moves along with the changes; it does not know where the caller reads. Without offsets only the bytes are kept.
/// </summary>
public sealed class TextEditor
{
    private const int Nothing = -1;

    private AlignedText _source = null!;
    private AlignedText _target = null!;
    private int _start;
    private int _end;
    private int _cursor;
    private int _pending; // a code point whose change may still be lowered
    private int _pendingChange;

    internal TextEditor()
    {
    }

    /// <summary>Whether a character was written since the edit began.</summary>
    public bool HasEmitted { get; private set; }

    internal void Begin(AlignedText source, int start, int end, AlignedText target)
    {
        _source = source;
        _target = target;
        _start = start;
        _end = end;
        _cursor = start;
        _pending = Nothing;
        HasEmitted = false;
    }

    /// <summary>Writes a code point.</summary>
    /// <param name="codePoint">A Unicode scalar value.</param>
    /// <param name="change">0 replaces one character, a positive number inserts, -n also swallows the n characters that follow.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Emit(int codePoint, int change = 0)
    {
        HasEmitted = true;
        if (!_target.Tracks)
        {
            AppendBytes(codePoint);
            return;
        }

        Flush();
        _pending = codePoint;
        _pendingChange = change;
    }

    /// <summary>Writes text of which every character is inserted.</summary>
    public void Insert(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
            return;
        HasEmitted = true;
        if (!_target.Tracks)
        {
            _target.Append(utf8);
            return;
        }

        Flush();
        (int from, int to) = InsertedRange();
        _target.Append(utf8, from, to);
    }

    /// <summary>Copies characters of the source as they are: each replaces one character (the one at the cursor).</summary>
    /// <param name="start">The first byte in the source.</param>
    /// <param name="end">The end in bytes.</param>
    public void Copy(int start, int end)
    {
        if (start >= end)
            return;
        HasEmitted = true;
        if (!_target.Tracks)
        {
            _target.Append(_source.Bytes[start..end]);
            return;
        }

        Flush();
        if (_cursor == start)
        {
            _target.AppendFrom(_source, start, end);
            _cursor = end;
            return;
        }

        // The cursor has drifted from what is read: the ranges are those at the cursor all the same.
        while (start < end)
        {
            int length = Utf8.LengthAt(_source.Bytes, start, end);
            (int from, int to) = RangeAtCursor();
            _target.Append(_source.Bytes.Slice(start, length), from, to);
            Advance(1);
            start += length;
        }
    }

    /// <summary>Lowers the change of the character written last: the source characters that follow it are gone.</summary>
    public void Remove(int count)
    {
        if (!_target.Tracks)
            return;
        if (_pending == Nothing)
            Advance(count);
        else
            _pendingChange -= count;
    }

    /// <summary>Moves the cursor over source characters, whatever was written before.</summary>
    public void Skip(int count)
    {
        if (!_target.Tracks)
            return;
        Flush();
        Advance(count);
    }

    internal void End() => Flush();

    private void Flush()
    {
        if (_pending == Nothing)
            return;
        (int from, int to) = _pendingChange > 0 ? InsertedRange() : RangeAtCursor();
        if (_pendingChange <= 0)
            Advance(1 - _pendingChange);
        int at = _target.Length;
        AppendBytes(_pending);
        _target.MutableStarts(at).Fill(from);
        _target.MutableEnds(at).Fill(to);
        _pending = Nothing;
    }

    private (int Start, int End) InsertedRange()
    {
        if (_cursor > _start)
            return (_source.StartAt(_cursor - 1), _source.EndAt(_cursor - 1));
        int point = _start < _end ? _source.StartAt(_start) : _source.OriginalStart;
        return (point, point);
    }

    private (int Start, int End) RangeAtCursor() =>
        _cursor < _end ? (_source.StartAt(_cursor), _source.EndAt(_cursor)) : InsertedRange();

    private void Advance(int characters)
    {
        for (; characters > 0 && _cursor < _end; characters--)
            _cursor += Utf8.LengthAt(_source.Bytes, _cursor, _end);
    }

    private void AppendBytes(int codePoint)
    {
        Span<byte> bytes = stackalloc byte[4];
        _target.Append(bytes[..Utf8.Encode(codePoint, bytes)]);
    }
}
