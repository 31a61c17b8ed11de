namespace Merganser.Tokenizers;

/// <summary>Shortens one or two encodings as a <see cref="Truncation"/> says.</summary>
internal static class Truncator
{
    /// <summary>Applies a truncation before a post-processor adds its tokens.</summary>
    /// <param name="truncation">What to do.</param>
    /// <param name="reserved">The number of tokens that will be added.</param>
    /// <param name="first">The first sequence.</param>
    /// <param name="second">The second sequence, or null.</param>
    public static (Encoding First, Encoding? Second) Apply(Truncation truncation, int reserved, Encoding first, Encoding? second)
    {
        int max = truncation.MaxLength - reserved;
        if (max < 0)
            return (first, second); // fewer places than special tokens: the reference cuts nothing
        if (max == 0)
            return (Cut(first, 0, truncation), second is null ? null : Cut(second, 0, truncation));
        long excess = (long)first.Count + (second?.Count ?? 0) - max;
        if (excess <= 0)
            return (first, second);
        switch (truncation.Strategy)
        {
            case TruncationStrategy.LongestFirst when second is null:
                return (Cut(first, max, truncation), null);
            case TruncationStrategy.LongestFirst:
                (int firstLength, int secondLength) = Share(first.Count, second.Count, max);
                return (Cut(first, firstLength, truncation), Cut(second, secondLength, truncation));
            case TruncationStrategy.OnlyFirst:
                return (CutOnly(first, excess, truncation), second);
            default:
                if (second is null)
                    throw new MerganserException("truncation strategy OnlySecond needs a second sequence");
                return (first, CutOnly(second, excess, truncation));
        }
    }

    private static (int First, int Second) Share(int first, int second, int max)
    {
        int shorter = Math.Min(first, second);
        int longer = shorter > max ? shorter : Math.Max(shorter, max - shorter);
        if ((long)shorter + longer > max)
        {
            shorter = max / 2;
            longer = shorter + max % 2;
        }

        return first > second ? (longer, shorter) : (shorter, longer);
    }

    private static Encoding CutOnly(Encoding encoding, long excess, Truncation truncation) => encoding.Count > excess
        ? Cut(encoding, (int)(encoding.Count - excess), truncation)
        : throw new MerganserException($"the sequence to truncate is too short: it has {encoding.Count} tokens and {excess} must go; use a larger max_length or the strategy LongestFirst");

    private static Encoding Cut(Encoding encoding, int max, Truncation truncation)
    {
        int count = encoding.Count;
        if (max >= count)
            return encoding;
        if (max == 0)
            return new Encoding { Overflowing = [encoding] };
        if (truncation.Stride >= max)
            throw new MerganserException($"truncation stride {truncation.Stride} must be less than the {max} tokens that are left for text (max_length {truncation.MaxLength} less special tokens and the other sequence)");
        int step = max - truncation.Stride;
        List<Encoding> windows = [];
        if (truncation.Direction == TextDirection.Right)
        {
            for (int start = 0, end = 0; end < count; start += step)
            {
                end = (int)Math.Min((long)start + max, count);
                windows.Add(EncodingSlices.Slice(encoding, start, end));
            }
        }
        else
        {
            for (int start = count, end = count; start > 0; end -= step)
            {
                start = Math.Max(end - max, 0);
                windows.Add(EncodingSlices.Slice(encoding, start, end));
            }
        }

        return EncodingSlices.WithOverflowing(windows[0], windows.GetRange(1, windows.Count - 1));
    }
}
