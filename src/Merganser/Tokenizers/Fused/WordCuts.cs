namespace Merganser.Tokenizers;

/// <summary>Where text may be cut into words, decided by two bytes side by side. Immutable.</summary>
internal sealed class WordCuts
{
    private readonly bool[] _cut = new bool[1 << 16]; // byte before, byte after

    private WordCuts()
    {
    }

    /// <summary>Cuts before separators (which go to the word behind them) and around ASCII punctuation.</summary>
    public static WordCuts AtSeparators(ReadOnlySpan<bool> separates, bool isolatesPunctuation)
    {
        var cuts = new WordCuts();
        for (int before = 0; before < 256; before++)
        {
            for (int after = 0; after < 256; after++)
            {
                if (separates[before] || (after & 0xC0) == 0x80)
                    continue;
                bool isPunctuation = isolatesPunctuation
                    && ((before < 0x80 && UnicodeTable.IsBertPunctuation(before)) || (after < 0x80 && UnicodeTable.IsBertPunctuation(after)));
                cuts._cut[(before << 8) | after] = separates[after] || isPunctuation;
            }
        }

        return cuts;
    }

    /// <summary>Cuts between bytes that lie side by side in no token; the marker of spaces counts as a space and as itself.</summary>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="keepsUnknown">Whether to cut only beside ASCII characters that are tokens, so that unknown ones stay together.</param>
    public static WordCuts BetweenStrangers(Vocabulary vocabulary, bool keepsUnknown)
    {
        var cuts = new WordCuts();
        Array.Fill(cuts._cut, true);
        for (int before = 0; before < 256; before++)
        {
            for (int after = 0x80; after < 0xC0; after++)
                cuts._cut[(before << 8) | after] = false; // inside a character
        }

        if (keepsUnknown)
        {
            bool[] known = new bool[256];
            for (int value = 0; value < 0x80; value++)
                known[value] = value == ' ' || vocabulary.TryGetId([(byte)value], out _);
            for (int pair = 0; pair < cuts._cut.Length; pair++)
                cuts._cut[pair] &= known[pair >> 8] || known[pair & 0xFF];
        }

        for (int id = 0; id < vocabulary.IdLimit; id++)
        {
            ReadOnlySpan<byte> token = vocabulary[id];
            for (int i = 1; i < token.Length; i++)
            {
                bool markerBefore = i >= 3 && IsMarker(token[(i - 3)..i]);
                bool markerAfter = i + 3 <= token.Length && IsMarker(token.Slice(i, 3));
                cuts.Join(token[i - 1], token[i]);
                if (markerBefore)
                    cuts.Join((byte)' ', token[i]);
                if (markerAfter)
                    cuts.Join(token[i - 1], (byte)' ');
                if (markerBefore && markerAfter)
                    cuts.Join((byte)' ', (byte)' ');
            }
        }

        return cuts;
    }

    /// <summary>Writes the ends of the words of a text, relative to <paramref name="start"/>, until the list is full or the text ends.</summary>
    /// <returns>The number of words; the last ends where the next call begins.</returns>
    public int Next(ReadOnlySpan<byte> text, int start, Span<int> ends)
    {
        ReadOnlySpan<bool> cut = _cut;
        int count = 0;
        int before = text[start] << 8;
        for (int i = start + 1; i < text.Length; i++)
        {
            int after = text[i];
            if (cut[before | after])
            {
                ends[count++] = i - start;
                if (count == ends.Length)
                    return count;
            }

            before = after << 8;
        }

        ends[count++] = text.Length - start;
        return count;
    }

    private static bool IsMarker(ReadOnlySpan<byte> bytes) => bytes.SequenceEqual("\u2581"u8);

    private void Join(byte before, byte after) => _cut[(before << 8) | after] = false;
}
