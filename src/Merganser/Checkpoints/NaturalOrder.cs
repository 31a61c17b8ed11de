namespace Merganser.Checkpoints;

/// <summary>Orders names with numbers the way people count: layer 2 before layer 10.</summary>
public static class NaturalOrder
{
    /// <summary>The order.</summary>
    public static Comparer<string> Comparer { get; } = Comparer<string>.Create(Compare);

    private static int Compare(string first, string second)
    {
        int i = 0;
        int j = 0;
        while (i < first.Length && j < second.Length)
        {
            if (!char.IsAsciiDigit(first[i]) || !char.IsAsciiDigit(second[j]))
            {
                if (first[i] != second[j])
                    return first[i] - second[j];
                i++;
                j++;
                continue;
            }

            ReadOnlySpan<char> a = Digits(first, ref i);
            ReadOnlySpan<char> b = Digits(second, ref j);
            int order = a.Length != b.Length ? a.Length - b.Length : a.CompareTo(b, StringComparison.Ordinal);
            if (order != 0)
                return order;
        }

        return first.Length - i != second.Length - j ? first.Length - i - (second.Length - j) : string.CompareOrdinal(first, second);
    }

    private static ReadOnlySpan<char> Digits(string text, ref int position)
    {
        int start = position;
        while (position < text.Length && char.IsAsciiDigit(text[position]))
            position++;
        return text.AsSpan(start, position - start).TrimStart('0');
    }
}
