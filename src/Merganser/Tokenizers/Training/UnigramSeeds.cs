namespace Merganser.Tokenizers;

/// <summary>
/// The pieces that a unigram training starts with: every character, scored by its count in the text, and every substring of
/// the distinct pretokens that occurs more than once and is followed by different characters (or the end of a pretoken),
/// scored by its occurrences in the distinct pretokens times its length. They are the inner nodes of a suffix tree, found as
/// intervals of common prefixes in the sorted suffixes.
/// </summary>
internal static class UnigramSeeds
{
    private const int Boundary = 0; // after every pretoken, one and the same

    /// <summary>Makes the seeds with log-probabilities in order: characters by count, then substrings by score.</summary>
    public static PieceList Create(WordCounts words, int maxPieceLength, int seedSize, TrainingRun run)
    {
        run.Report(TrainingStage.Seeding, 0, words.ByteCount);
        int[] text = Concatenate(words, out long[] counts);
        List<Repeat> repeats = FindRepeats(text, counts.Length, maxPieceLength, run, out int[] order);
        var characters = new List<int>();
        for (int codePoint = 1; codePoint < counts.Length; codePoint++)
        {
            if (counts[codePoint] > 0)
                characters.Add(codePoint);
        }

        characters.Sort((x, y) => counts[x] != counts[y] ? counts[y].CompareTo(counts[x]) : y.CompareTo(x));
        double sum = 0;
        foreach (int codePoint in characters)
            sum += counts[codePoint];
        int taken = Math.Min(repeats.Count, Math.Max(seedSize - characters.Count, repeats.Count > 0 ? 1 : 0));
        for (int i = 0; i < taken; i++)
            sum += repeats[i].Score;
        double logSum = Math.Log(sum);
        var pieces = new PieceList();
        byte[] utf8 = new byte[checked(4 * maxPieceLength)];
        foreach (int codePoint in characters)
            pieces.Add(utf8.AsSpan(0, Utf8.Encode(codePoint, utf8)), Math.Log(counts[codePoint]) - logSum);
        for (int i = 0; i < taken; i++)
        {
            int length = 0;
            foreach (int codePoint in text.AsSpan(order[repeats[i].Interval], repeats[i].Length))
                length += Utf8.Encode(codePoint, utf8.AsSpan(length));
            pieces.Add(utf8.AsSpan(0, length), Math.Log(repeats[i].Score) - logSum);
        }

        run.Report(TrainingStage.Seeding, words.ByteCount, words.ByteCount);
        return pieces;
    }

    /// <summary>All pretokens as code points, a boundary after each, and the counts of the code points in the text.</summary>
    private static int[] Concatenate(WordCounts words, out long[] counts)
    {
        long length = 0;
        for (int rank = 0; rank < words.Count; rank++)
            length += Utf8.Count(words[rank]) + 1L;
        if (length > Array.MaxLength)
            throw new MerganserException($"the distinct pretokens have {length} characters; the unigram trainer takes at most {Array.MaxLength}: use less text or a pre-tokenizer that makes shorter ones");
        int[] text = new int[length];
        int used = 0;
        for (int rank = 0; rank < words.Count; rank++)
        {
            ReadOnlySpan<byte> word = words[rank];
            for (int at = 0; at < word.Length;)
            {
                text[used++] = Utf8.Decode(word, at, out int width);
                at += width;
            }

            text[used++] = Boundary;
        }

        counts = TrainingAlphabet.CountCharacters(words);
        return text;
    }

    private static List<Repeat> FindRepeats(int[] text, int codePoints, int maxLength, TrainingRun run, out int[] order)
    {
        order = SuffixOrder.Sort(Compress(text, codePoints, out int limit), limit, maxLength, run.Cancellation);
        var repeats = new List<Repeat>();
        var open = new Stack<(int Start, int Depth)>();
        for (int i = 1; i <= text.Length; i++)
        {
            int common = i < text.Length ? CommonPrefix(text, order[i - 1], order[i], maxLength + 1) : 0;
            int start = i - 1;
            while (open.TryPeek(out (int Start, int Depth) top) && top.Depth > common)
            {
                open.Pop();
                start = top.Start;
                // Only the last element can be a boundary: common prefixes are not followed beyond one.
                if (top.Depth > 1 && top.Depth <= maxLength && text[order[start] + top.Depth - 1] != Boundary)
                    repeats.Add(new Repeat((i - start) * (long)top.Depth, start, top.Depth));
            }

            if (common > 0 && (!open.TryPeek(out (int Start, int Depth) below) || below.Depth < common))
                open.Push((start, common));
        }

        run.Cancellation.ThrowIfCancellationRequested();
        repeats.Sort();
        return repeats;
    }

    /// <summary>Numbers the code points that occur without gaps, in their order.</summary>
    private static int[] Compress(int[] text, int codePoints, out int limit)
    {
        int[] numbers = new int[codePoints];
        foreach (int codePoint in text)
            numbers[codePoint] = 1;
        limit = 0;
        for (int codePoint = 0; codePoint < codePoints; codePoint++)
        {
            if (numbers[codePoint] != 0)
                numbers[codePoint] = limit++;
        }

        int[] compressed = new int[text.Length];
        for (int i = 0; i < text.Length; i++)
            compressed[i] = numbers[text[i]];
        return compressed;
    }

    /// <summary>The length of the common prefix of two suffixes, up to a limit and up to a boundary (which counts).</summary>
    private static int CommonPrefix(int[] text, int first, int second, int limit)
    {
        limit = Math.Min(limit, text.Length - Math.Max(first, second));
        for (int length = 0; length < limit; length++)
        {
            if (text[first + length] != text[second + length])
                return length;
            if (text[first + length] == Boundary)
                return length + 1;
        }

        return limit;
    }

    /// <summary>
    /// A substring: its score, where its interval of sorted suffixes begins, and its length. By score, highest first; of equal
    /// ones the last in code point order first, which is the order of intervals and then of lengths.
    /// </summary>
    private readonly record struct Repeat(long Score, int Interval, int Length) : IComparable<Repeat>
    {
        public int CompareTo(Repeat other)
        {
            if (Score != other.Score)
                return other.Score.CompareTo(Score);
            return Interval != other.Interval ? other.Interval.CompareTo(Interval) : other.Length.CompareTo(Length);
        }
    }
}
