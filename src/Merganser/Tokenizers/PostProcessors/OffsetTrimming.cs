namespace Merganser.Tokenizers;

/// <summary>Moves the offsets of tokens past the white space that they begin or end with.</summary>
internal static class OffsetTrimming
{
    /// <summary>Trims an encoding and its windows.</summary>
    /// <param name="encoding">An encoding that knows the white space of its tokens; without, it is returned as it is.</param>
    /// <param name="addPrefixSpace">A single space before the first token was put in and stays.</param>
    public static Encoding Trim(Encoding encoding, bool addPrefixSpace)
    {
        (int Start, int End)[] offsets = encoding.Offsets;
        if (encoding.EdgeSpaces is { } spaces)
        {
            offsets = [.. offsets];
            for (int i = 0; i < offsets.Length; i++)
            {
                (int start, int end) = offsets[i];
                (int leading, int trailing) = spaces[i];
                if (leading == 1 && addPrefixSpace && (i == 0 || start == 0))
                    leading = 0;
                start = Math.Min(start + leading, end);
                if (trailing > 0 && end >= trailing)
                    end = Math.Max(end - trailing, start);
                offsets[i] = (start, end);
            }
        }

        IReadOnlyList<Encoding> overflowing = encoding.Overflowing.Count == 0 ? [] : [.. encoding.Overflowing.Select(window => Trim(window, addPrefixSpace))];
        return EncodingSlices.Change(encoding, offsets: offsets, overflowing: overflowing);
    }
}
