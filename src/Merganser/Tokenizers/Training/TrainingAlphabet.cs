namespace Merganser.Tokenizers;

/// <summary>The characters of a vocabulary in training and the symbols that words begin as.</summary>
internal sealed class TrainingAlphabet(WordTable tokens, string continuingSubwordPrefix, string endOfWordSuffix)
{
    private const int CodePoints = 0x110000;
    private const int Continues = 1; // bits of a form
    private const int Ends = 2;
    private const int Forms = 4;

    private readonly byte[] _prefix = System.Text.Encoding.UTF8.GetBytes(continuingSubwordPrefix);
    private readonly byte[] _suffix = System.Text.Encoding.UTF8.GetBytes(endOfWordSuffix);
    private readonly int[]?[] _ids = new int[]?[Forms]; // by form and code point: one more than the id; 0 unknown

    /// <summary>Counts the characters of words by code point.</summary>
    public static long[] CountCharacters(WordCounts words)
    {
        long[] counts = new long[CodePoints];
        for (int rank = 0; rank < words.Count; rank++)
        {
            ReadOnlySpan<byte> word = words[rank];
            long count = words.CountOf(rank);
            for (int at = 0; at < word.Length;)
            {
                counts[Utf8.Decode(word, at, out int length)] += count;
                at += length;
            }
        }

        return counts;
    }

    /// <summary>Gives ids to the characters that are kept, by code point.</summary>
    public void Choose(WordCounts words, string initial, int? limit)
    {
        long[] counts = CountCharacters(words);
        foreach (System.Text.Rune rune in initial.EnumerateRunes())
            counts[rune.Value] = long.MaxValue;
        var kept = new List<int>();
        for (int codePoint = 0; codePoint < CodePoints; codePoint++)
        {
            if (counts[codePoint] > 0)
                kept.Add(codePoint);
        }

        if (limit < kept.Count)
        {
            kept.Sort((x, y) => counts[x] != counts[y] ? counts[y].CompareTo(counts[x]) : x.CompareTo(y));
            kept.RemoveRange(limit.Value, kept.Count - limit.Value);
            kept.Sort();
        }

        _ids[0] = new int[CodePoints];
        // A special token of one character makes that character known, too.
        Span<byte> utf8 = stackalloc byte[4];
        for (int token = 0; token < tokens.Count; token++)
        {
            ReadOnlySpan<byte> special = tokens[token];
            int codePoint = Utf8.Decode(special, 0, out int length);
            if (length == special.Length)
                _ids[0]![codePoint] = token + 1;
        }

        foreach (int codePoint in kept)
            _ids[0]![codePoint] = tokens.Add(utf8[..Utf8.Encode(codePoint, utf8)], 0) + 1;
    }

    /// <summary>Writes the symbols of a word; characters that were not kept are left out.</summary>
    /// <param name="word">The word.</param>
    /// <param name="symbols">At least as long as the word.</param>
    /// <returns>The number of symbols.</returns>
    public int ToSymbols(ReadOnlySpan<byte> word, Span<int> symbols)
    {
        int[] plain = _ids[0]!;
        int count = 0;
        for (int at = 0; at < word.Length;)
        {
            int codePoint = Utf8.Decode(word, at, out int length);
            int form = (at > 0 && _prefix.Length > 0 ? Continues : 0) | (at + length == word.Length && _suffix.Length > 0 ? Ends : 0);
            at += length;
            if (plain[codePoint] != 0)
                symbols[count++] = form == 0 ? plain[codePoint] - 1 : Marked(codePoint, form);
        }

        return count;
    }

    private int Marked(int codePoint, int form)
    {
        int[] ids = _ids[form] ??= new int[CodePoints];
        if (ids[codePoint] != 0)
            return ids[codePoint] - 1;
        byte[] token = new byte[_prefix.Length + 4 + _suffix.Length];
        int length = 0;
        if ((form & Continues) != 0)
        {
            _prefix.CopyTo(token, 0);
            length = _prefix.Length;
        }

        length += Utf8.Encode(codePoint, token.AsSpan(length));
        if ((form & Ends) != 0)
        {
            _suffix.CopyTo(token, length);
            length += _suffix.Length;
        }

        int id = tokens.Add(token.AsSpan(0, length), 0);
        ids[codePoint] = id + 1;
        return id;
    }
}
