namespace Merganser.Neural.Training.Data;

/// <summary>
/// Walks over one structure of Thrift's compact protocol, as Parquet writes its footer and its page headers, and checks that it is whole and
/// not nested deeply: the library that reads these files goes down one call per level, however many levels a file has.
/// </summary>
internal ref struct ThriftWalker(ReadOnlySpan<byte> data)
{
    private const int MaxDepth = 24;

    private readonly ReadOnlySpan<byte> _data = data;
    private int _at;

    /// <summary>Field 3 of a page header: the bytes of the page behind it.</summary>
    public long PageBytes { get; private set; } = -1;

    /// <summary>Field 1 of the header of a data page: its values, nothing included. 0 for other pages.</summary>
    public long PageValues { get; private set; }

    /// <summary>Returns the length of the structure, or −1 if it is not whole, nested too deeply, or no such structure.</summary>
    public int Walk()
    {
        _at = 0;
        return Struct(0, 0) ? _at : -1;
    }

    private bool Struct(int depth, int parent)
    {
        if (depth > MaxDepth)
            return false;
        long id = 0;
        while (true)
        {
            if (!Next(out byte head))
                return false;
            if (head == 0)
                return true;
            if (head >> 4 != 0)
                id += head >> 4;
            else if (!Varint(out id))
                return false;
            else
                id = (id >> 1) ^ -(id & 1);
            if (!Value(head & 15, depth, parent, id))
                return false;
        }
    }

    private bool Value(int type, int depth, int parent, long id)
    {
        switch (type)
        {
            case 1 or 2: // true and false: in the head itself
                return true;
            case 3:
                return Skip(1);
            case 4 or 5 or 6:
                if (!Varint(out long number))
                    return false;
                number = (long)((ulong)number >> 1) ^ -(number & 1);
                if (depth == 0 && id == 3)
                    PageBytes = number;
                else if (depth == 1 && id == 1 && parent is 5 or 8)
                    PageValues = number;
                return true;
            case 7:
                return Skip(8);
            case 8:
                return Varint(out long length) && Skip(length);
            case 9 or 10:
                return Items(depth);
            case 11:
                return Pairs(depth);
            case 12:
                return Struct(depth + 1, id is > 0 and < int.MaxValue ? (int)id : 0);
            default:
                return false;
        }
    }

    private bool Items(int depth)
    {
        if (depth >= MaxDepth || !Next(out byte head))
            return false;
        long count = head >> 4;
        if (count == 15 && !Varint(out count))
            return false;
        return count >= 0 && count <= _data.Length - _at && Repeat(count, head & 15, depth); // Every item takes a byte or more.
    }

    private bool Pairs(int depth)
    {
        if (depth >= MaxDepth || !Varint(out long count) || count < 0 || count > _data.Length - _at)
            return false;
        if (count == 0)
            return true;
        if (!Next(out byte types))
            return false;
        for (long i = 0; i < count; i++)
        {
            if (!Repeat(1, types >> 4, depth) || !Repeat(1, types & 15, depth))
                return false;
        }

        return true;
    }

    private bool Repeat(long count, int type, int depth)
    {
        for (long i = 0; i < count; i++)
        {
            if (!(type is 1 or 2 ? Skip(1) : Value(type, depth + 1, -1, -1)))
                return false;
        }

        return true;
    }

    private bool Next(out byte value)
    {
        bool left = _at < _data.Length;
        value = left ? _data[_at++] : (byte)0;
        return left;
    }

    private bool Skip(long count)
    {
        if (count < 0 || count > _data.Length - _at)
            return false;
        _at += (int)count;
        return true;
    }

    private bool Varint(out long value)
    {
        value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (!Next(out byte part))
                return false;
            value |= (long)(part & 127) << shift;
            if (part < 128)
                return true;
        }

        return false;
    }
}
