namespace Merganser.Tokenizers;

/// <summary>Decodes the output of connectionist temporal classification: repeats count once, padding is dropped.</summary>
public sealed class CtcDecoder : TokenDecoder
{
    /// <summary>The blank; default &lt;pad&gt;.</summary>
    public string PadToken { get; init; } = "<pad>";

    /// <summary>The token between words; default |.</summary>
    public string WordDelimiterToken { get; init; } = "|";

    /// <summary>Whether English spacing is tidied and the delimiter becomes a space; default true.</summary>
    public bool Cleanup { get; init; } = true;

    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        int kept = 0;
        string? last = null;
        for (int i = 0; i < tokens.Count; i++)
        {
            string token = tokens[i];
            if (token == last)
                continue;
            last = token;
            if (PadToken.Length > 0)
                token = token.Replace(PadToken, "", StringComparison.Ordinal);
            if (Cleanup)
            {
                token = WordPieceDecoder.Tidy(token);
                if (WordDelimiterToken.Length > 0)
                    token = token.Replace(WordDelimiterToken, " ", StringComparison.Ordinal);
            }

            if (token.Length > 0)
                tokens[kept++] = token;
        }

        tokens.RemoveRange(kept, tokens.Count - kept);
    }
}
