namespace Merganser.Tokenizers;

/// <summary>Turns the suffix of word ends into spaces; the last token just loses it.</summary>
public sealed class BpeDecoder : TokenDecoder
{
    /// <summary>The suffix; default &lt;/w&gt;.</summary>
    public string Suffix { get; init; } = "</w>";

    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (Suffix.Length == 0)
            return;
        for (int i = 0; i < tokens.Count; i++)
            tokens[i] = tokens[i].Replace(Suffix, i == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal);
    }
}
