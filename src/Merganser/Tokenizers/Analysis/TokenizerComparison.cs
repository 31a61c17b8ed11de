namespace Merganser.Tokenizers;

/// <summary>A text with a name: a language, a file.</summary>
/// <param name="Name">The name.</param>
/// <param name="Text">The text.</param>
public readonly record struct NamedText(string Name, string Text);

/// <summary>How one tokenizer cuts one text.</summary>
/// <param name="Tokenizer">The tokenizer's name.</param>
/// <param name="Text">The text's name.</param>
/// <param name="Tokens">Tokens, without special ones.</param>
/// <param name="Unknown">Tokens that stand for something unknown.</param>
/// <param name="Bytes">UTF-8 bytes of the text.</param>
/// <param name="Characters">Code points of the text.</param>
/// <param name="Words">Runs without white space.</param>
/// <param name="Agreement">The share of boundaries inside words that it has in common with the first tokenizer: of all boundaries
/// that either has, those that both have. 1 for the first one.</param>
public readonly record struct TokenizerScore(string Tokenizer, string Text, long Tokens, long Unknown, long Bytes, long Characters, long Words, double Agreement)
{
    /// <summary>Tokens per word. Means little for scripts that do not separate words.</summary>
    public double Fertility => Words == 0 ? double.NaN : (double)Tokens / Words;

    /// <summary>Bytes per token.</summary>
    public double BytesPerToken => Tokens == 0 ? double.NaN : (double)Bytes / Tokens;

    /// <summary>Characters per token.</summary>
    public double CharactersPerToken => Tokens == 0 ? double.NaN : (double)Characters / Tokens;
}

/// <summary>Several tokenizers on the same texts.</summary>
public static class TokenizerComparison
{
    /// <summary>Scores every tokenizer on every text; scores come text by text.</summary>
    /// <param name="tokenizers">Names and tokenizers; boundaries are compared with the first.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="cancellation">Stops between two texts.</param>
    public static IReadOnlyList<TokenizerScore> Compare(
        IReadOnlyList<(string Name, Tokenizer Tokenizer)> tokenizers, IEnumerable<NamedText> texts, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(tokenizers);
        ArgumentNullException.ThrowIfNull(texts);
        var options = new EncodeOptions { AddSpecialTokens = false, Truncate = false, Pad = false };
        List<TokenizerScore> scores = [];
        foreach (NamedText text in texts)
        {
            cancellation.ThrowIfCancellationRequested();
            long bytes = System.Text.Encoding.UTF8.GetByteCount(text.Text);
            long characters = text.Text.EnumerateRunes().Count();
            long words = CountWords(text.Text);
            bool[]? first = null;
            foreach ((string name, Tokenizer tokenizer) in tokenizers)
            {
                Encoding encoding = tokenizer.Encode(text.Text, null, options);
                bool[] boundaries = Boundaries(encoding, text.Text.Length);
                first ??= boundaries;
                int? unknown = tokenizer.Model.UnknownId;
                scores.Add(new TokenizerScore(
                    name, text.Name, encoding.Count, unknown is { } id ? encoding.Ids.Count(token => token == id) : 0, bytes, characters, words, Agreement(first, boundaries, text.Text)));
            }
        }

        return scores;
    }

    private static long CountWords(string text)
    {
        long words = 0;
        bool inside = false;
        foreach (char c in text)
        {
            bool white = char.IsWhiteSpace(c);
            words += !white && !inside ? 1 : 0;
            inside = !white;
        }

        return words;
    }

    /// <summary>Where a token begins, by UTF-16 index.</summary>
    private static bool[] Boundaries(Encoding encoding, int length)
    {
        bool[] boundaries = new bool[length + 1];
        foreach ((int start, int end) in encoding.Offsets)
        {
            if (end > start)
                boundaries[start] = true;
        }

        return boundaries;
    }

    private static double Agreement(bool[] first, bool[] second, string text)
    {
        long both = 0, either = 0;
        for (int i = 1; i < text.Length; i++)
        {
            // Next to white space every tokenizer cuts; only boundaries inside words tell them apart.
            if (char.IsWhiteSpace(text[i]) || char.IsWhiteSpace(text[i - 1]))
                continue;
            both += first[i] && second[i] ? 1 : 0;
            either += first[i] || second[i] ? 1 : 0;
        }

        return either == 0 ? 1 : (double)both / either;
    }
}
