namespace Merganser.Tokenizers;

/// <summary>
/// Joins WordPiece tokens: the first stays as it is, later ones lose the prefix of continuations or gain a space before them.
/// </summary>
public sealed class WordPieceDecoder : TokenDecoder
{
    /// <summary>The prefix of tokens that continue a word; default ##.</summary>
    public string Prefix { get; init; } = "##";

    /// <summary>Whether English spacing is tidied in each token; default true.</summary>
    public bool Cleanup { get; init; } = true;

    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        for (int i = 0; i < tokens.Count; i++)
        {
            string token = tokens[i];
            if (i > 0)
                token = token.StartsWith(Prefix, StringComparison.Ordinal) ? token[Prefix.Length..] : " " + token;
            tokens[i] = Cleanup ? Tidy(token) : token;
        }
    }

    /// <summary>Removes spaces that English does not write, token by token, in the order of the reference.</summary>
    internal static string Tidy(string text)
    {
        if (!text.Contains(' ', StringComparison.Ordinal))
            return text;
        return text
            .Replace(" .", ".", StringComparison.Ordinal)
            .Replace(" ?", "?", StringComparison.Ordinal)
            .Replace(" !", "!", StringComparison.Ordinal)
            .Replace(" ,", ",", StringComparison.Ordinal)
            .Replace(" ' ", "'", StringComparison.Ordinal)
            .Replace(" n't", "n't", StringComparison.Ordinal)
            .Replace(" 'm", "'m", StringComparison.Ordinal)
            .Replace(" do not", " don't", StringComparison.Ordinal)
            .Replace(" 's", "'s", StringComparison.Ordinal)
            .Replace(" 've", "'ve", StringComparison.Ordinal)
            .Replace(" 're", "'re", StringComparison.Ordinal);
    }
}
