using System.Text;

namespace Merganser.Weights.Recipes;

/// <summary>Names for messages: quoted, on one line, with the nearest valid one when a typo is likely.</summary>
internal static class NearestName
{
    private const int LongestCompared = 64;

    /// <summary>The text between quotes, on one line and not too long: recipes come from anywhere.</summary>
    public static string Quote(string text)
    {
        const int longest = 120;
        StringBuilder line = new("'");
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, longest)))
            line.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c);
        return line.Append(text.Length > longest ? "…'" : "'").ToString();
    }

    /// <summary><c>; did you mean 'ties'?</c>, or the valid names when none is near, or nothing when there are none.</summary>
    public static string Hint(string given, IEnumerable<string> valid)
    {
        string[] names = [.. valid.Distinct(StringComparer.Ordinal)];
        if (Find(given, names) is { } nearest)
            return $"; did you mean {Quote(nearest)}?";
        return names.Length is 0 or > 60 ? "" : $"; known are {string.Join(", ", names)}";
    }

    /// <summary>The valid name with the fewest edits; null when all are too far to be a typo.</summary>
    public static string? Find(string given, IEnumerable<string> valid)
    {
        if (given.Length > LongestCompared)
            return null;
        string? best = null;
        int fewest = Math.Max(1, (given.Length * 2 / 5) + 1);
        foreach (string name in valid)
        {
            if (name.Length > LongestCompared || Math.Abs(name.Length - given.Length) >= fewest + 1)
                continue;
            int edits = Distance(given.ToUpperInvariant(), name.ToUpperInvariant());
            if (edits < fewest || (edits == fewest && best is null))
                (best, fewest) = (name, edits);
        }

        return best;
    }

    /// <summary>Edits (insert, delete, replace, swap of neighbours) from one word to the other.</summary>
    public static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
            d[i, 0] = i;
        for (int j = 0; j <= b.Length; j++)
            d[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                int best = Math.Min(replace, Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    best = Math.Min(best, d[i - 2, j - 2] + 1);
                d[i, j] = best;
            }
        }

        return d[a.Length, b.Length];
    }
}
