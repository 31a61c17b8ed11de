namespace Merganser.Tokenizers;

/// <summary>Writes bytes as characters of the byte-level alphabet; each keeps the range of the byte it stands for.</summary>
internal static class ByteLevelRewriter
{
    /// <summary>Appends a part of one text to another in the alphabet.</summary>
    public static void Append(AlignedText source, int start, int end, AlignedText target)
    {
        ReadOnlySpan<byte> bytes = source.Bytes[start..end];
        int at = target.Length;
        ByteLevelAlphabet.Encode(bytes, target.Extend(ByteLevelAlphabet.EncodedLength(bytes)));
        if (!target.Tracks)
            return;
        Span<int> starts = target.MutableStarts(at);
        Span<int> ends = target.MutableEnds(at);
        int written = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            int from = source.StartAt(start + i);
            int to = source.EndAt(start + i);
            for (int left = ByteLevelAlphabet.ToChar(bytes[i]) < 0x80 ? 1 : 2; left > 0; left--)
            {
                starts[written] = from;
                ends[written++] = to;
            }
        }
    }
}
