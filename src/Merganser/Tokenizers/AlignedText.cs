using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// UTF-8 bytes and, for each, the byte range of the original text that it came from. As long as nothing has been changed
/// the ranges are not stored: they are the characters themselves.
/// </summary>
internal sealed class AlignedText
{
    private byte[] _bytes = [];
    private int[] _starts = [];
    private int[] _ends = [];
    private bool _isIdentity = true;

    /// <summary>Whether ranges are kept at all.</summary>
    public bool Tracks { get; private set; }

    public int Length { get; private set; }

    /// <summary>Where the text begins in the original.</summary>
    public int OriginalStart { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>For changes that keep the length and the ranges.</summary>
    public Span<byte> MutableBytes => _bytes.AsSpan(0, Length);

    public void Load(ReadOnlySpan<byte> utf8, int originalStart, bool tracks)
    {
        Clear(originalStart, tracks);
        if (_bytes.Length < utf8.Length)
            _bytes = new byte[Math.Max(utf8.Length, 256)];
        utf8.CopyTo(_bytes);
        Length = utf8.Length;
        _isIdentity = true;
    }

    /// <summary>Makes the text empty, to be filled by appending.</summary>
    public void Clear(int originalStart, bool tracks)
    {
        Length = 0;
        OriginalStart = originalStart;
        Tracks = tracks;
        _isIdentity = false;
    }

    /// <summary>The range of the original text for a range of this text, widened to whole characters.</summary>
    public (int Start, int End) OriginalRange(int start, int end)
    {
        if ((uint)end > (uint)Length || (uint)start > (uint)end)
            throw new ArgumentOutOfRangeException(nameof(start), $"the range {start} to {end} is outside the text of {Length} bytes");
        if (start == end)
        {
            int point = Length == 0 ? OriginalStart : start < Length ? StartAt(start) : EndAt(Length - 1);
            return (point, point);
        }

        return (StartAt(start), EndAt(end - 1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int StartAt(int index)
    {
        if (!_isIdentity && Tracks)
            return _starts[index];
        return OriginalStart + Utf8.StartAt(Bytes, index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int EndAt(int index)
    {
        if (!_isIdentity && Tracks)
            return _ends[index];
        int start = Utf8.StartAt(Bytes, index);
        return OriginalStart + start + Utf8.LengthAt(_bytes, start, Length);
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Extend(bytes.Length));
    }

    /// <summary>Adds bytes that all came from one range of the original.</summary>
    public void Append(ReadOnlySpan<byte> bytes, int originalStart, int originalEnd)
    {
        int at = Length;
        bytes.CopyTo(Extend(bytes.Length));
        _starts.AsSpan(at, bytes.Length).Fill(originalStart);
        _ends.AsSpan(at, bytes.Length).Fill(originalEnd);
    }

    /// <summary>Adds bytes of another text with their ranges.</summary>
    public void AppendFrom(AlignedText source, int start, int end)
    {
        int at = Length;
        source._bytes.AsSpan(start, end - start).CopyTo(Extend(end - start));
        if (!Tracks)
            return;
        if (!source._isIdentity)
        {
            source._starts.AsSpan(start, end - start).CopyTo(_starts.AsSpan(at));
            source._ends.AsSpan(start, end - start).CopyTo(_ends.AsSpan(at));
            return;
        }

        for (int index = start; index < end;)
        {
            int from = source.StartAt(index);
            int to = source.EndAt(index);
            int next = Math.Min(end, to - source.OriginalStart);
            for (; index < next; index++, at++)
            {
                _starts[at] = from;
                _ends[at] = to;
            }
        }
    }

    /// <summary>Makes room for bytes at the end (and their ranges, which the caller then sets) and returns it.</summary>
    public Span<byte> Extend(int count)
    {
        int length = checked(Length + count);
        if (length > _bytes.Length)
            Array.Resize(ref _bytes, NewLength(_bytes.Length, length));
        if (Tracks && length > _starts.Length)
        {
            int room = NewLength(_starts.Length, length);
            Array.Resize(ref _starts, room);
            Array.Resize(ref _ends, room);
        }

        Span<byte> added = _bytes.AsSpan(Length, count);
        Length = length;
        return added;
    }

    /// <summary>The ranges of bytes added by <see cref="Extend"/>.</summary>
    public Span<int> MutableStarts(int from) => _starts.AsSpan(from, Length - from);

    /// <inheritdoc cref="MutableStarts"/>
    public Span<int> MutableEnds(int from) => _ends.AsSpan(from, Length - from);

    private static int NewLength(int old, int wanted) => (int)Math.Min(Array.MaxLength, Math.Max(Math.Max(256, wanted), 2L * old));
}
