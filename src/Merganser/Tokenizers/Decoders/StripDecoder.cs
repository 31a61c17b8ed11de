namespace Merganser.Tokenizers;

/// <summary>Removes up to a number of copies of a character at the ends of every token.</summary>
public sealed class StripDecoder : TokenDecoder
{
    /// <summary>The character: one code point; default a space.</summary>
    public string Content { get; init; } = " ";

    /// <summary>How many copies may go at the beginning.</summary>
    public int Start { get; init; }

    /// <summary>How many copies may go at the end.</summary>
    public int Stop { get; init; }

    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (Content.Length == 0)
            return;
        for (int i = 0; i < tokens.Count; i++)
        {
            ReadOnlySpan<char> token = tokens[i];
            for (int cut = 0; cut < Start && token.StartsWith(Content, StringComparison.Ordinal); cut++)
                token = token[Content.Length..];
            for (int cut = 0; cut < Stop && token.EndsWith(Content, StringComparison.Ordinal); cut++)
                token = token[..^Content.Length];
            if (token.Length < tokens[i].Length)
                tokens[i] = token.ToString();
        }
    }
}
