namespace Merganser.Tokenizers;

/// <summary>What a vocabulary is made of: sizes, lengths, what stands out.</summary>
public sealed record VocabularyReport
{
    private const int Shown = 12;

    /// <summary>The kind of model: BPE, Unigram, WordPiece or WordLevel.</summary>
    public required string Model { get; init; }

    /// <summary>Tokens of the model.</summary>
    public required int ModelTokens { get; init; }

    /// <summary>Added tokens, special ones included.</summary>
    public required int AddedTokens { get; init; }

    /// <summary>Special tokens.</summary>
    public required int SpecialTokens { get; init; }

    /// <summary>One more than the highest id: the rows that an embedding needs.</summary>
    public required int IdLimit { get; init; }

    /// <summary>Ids below <see cref="IdLimit"/> without a token.</summary>
    public required int Gaps { get; init; }

    /// <summary>For each length in characters the number of tokens; the last entry holds all that are longer.</summary>
    public required IReadOnlyList<int> Lengths { get; init; }

    /// <summary>Tokens that begin a word: with a blank, its mark, or (WordPiece) without the continuing prefix.</summary>
    public required int WordStarts { get; init; }

    /// <summary>The longest tokens, longest first.</summary>
    public required IReadOnlyList<(int Id, string Text)> Longest { get; init; }

    /// <summary>Tokens whose own text is encoded otherwise, so that no text gives them; empty unless asked for.</summary>
    public required IReadOnlyList<(int Id, string Text)> Unreachable { get; init; }

    /// <summary>How many there are of them; null when it was not counted.</summary>
    public required int? UnreachableCount { get; init; }

    /// <summary>Looks at a tokenizer.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="countUnreachable">Whether every token's text is encoded to see whether it gives that token.</param>
    public static VocabularyReport Of(Tokenizer tokenizer, bool countUnreachable = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        const int longestBucket = 16;
        Vocabulary vocabulary = tokenizer.Model.Vocabulary;
        bool byteLevel = tokenizer.IsByteLevel;
        string prefix = (tokenizer.Model as WordPieceModel)?.ContinuingSubwordPrefix ?? "";
        int[] lengths = new int[longestBucket + 1];
        int starts = 0;
        PriorityQueue<(int Id, string Text), (int, int)> longest = new();
        List<(int, string)> unreachable = [];
        int? unreachableCount = countUnreachable ? 0 : null;
        HashSet<int> added = [.. tokenizer.AddedTokens.Tokens.Select(token => token.Id)];
        for (int id = 0; id < vocabulary.IdLimit; id++)
        {
            if (!vocabulary.Contains(id) || added.Contains(id))
                continue;
            string text = Surface(vocabulary.GetText(id), byteLevel);
            int length = text.EnumerateRunes().Count();
            lengths[Math.Min(length, longestBucket)]++;
            starts += text.StartsWith(' ') || text.StartsWith('▁') || (prefix.Length > 0 && !text.StartsWith(prefix, StringComparison.Ordinal)) ? 1 : 0;
            longest.Enqueue((id, text), (length, -id));
            if (longest.Count > Shown)
                longest.Dequeue();
            if (countUnreachable && !Reaches(tokenizer, id))
            {
                unreachableCount++;
                if (unreachable.Count < Shown)
                    unreachable.Add((id, text));
            }
        }

        List<(int, string)> sorted = [];
        while (longest.TryDequeue(out (int Id, string Text) entry, out _))
            sorted.Insert(0, entry);
        int limit = Math.Max(vocabulary.IdLimit, added.Count > 0 ? added.Max() + 1 : 0);
        return new VocabularyReport
        {
            Model = tokenizer.Model.Type,
            ModelTokens = vocabulary.Count,
            AddedTokens = added.Count,
            SpecialTokens = tokenizer.AddedTokens.Tokens.Count(token => token.Special),
            IdLimit = limit,
            Gaps = Enumerable.Range(0, limit).Count(id => !vocabulary.Contains(id) && !added.Contains(id)),
            Lengths = lengths,
            WordStarts = starts,
            Longest = sorted,
            Unreachable = unreachable,
            UnreachableCount = unreachableCount,
        };
    }

    /// <summary>The text of a token as a reader knows it: byte-level letters become the bytes that they stand for.</summary>
    public static string Surface(string token, bool byteLevel)
    {
        if (!byteLevel)
            return token;
        byte[] letters = System.Text.Encoding.UTF8.GetBytes(token);
        byte[] bytes = new byte[letters.Length];
        return ByteLevelAlphabet.TryDecode(letters, bytes, out int count) ? System.Text.Encoding.UTF8.GetString(bytes, 0, count) : token;
    }

    private static bool Reaches(Tokenizer tokenizer, int id)
    {
        var buffer = new TokenBuffer();
        tokenizer.Model.CreateEncoder().Encode(tokenizer.Model.Vocabulary[id], buffer);
        return buffer.Count == 1 && buffer.Ids[0] == id;
    }
}
