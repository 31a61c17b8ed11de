namespace Merganser.Tokenizers;

/// <summary>Turns word markers back into spaces; in the first token markers are dropped unless none was ever put in.</summary>
public sealed class MetaspaceDecoder : TokenDecoder
{
    /// <summary>The marker: one character; default U+2581.</summary>
    public string Replacement { get; init; } = "\u2581";

    /// <summary>When a marker was put before a piece; default always.</summary>
    public PrependScheme PrependScheme { get; init; }

    /// <summary>Kept for the file; it changes nothing here. Default true.</summary>
    public bool Split { get; init; } = true;

    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        for (int i = 0; i < tokens.Count; i++)
            tokens[i] = tokens[i].Replace(Replacement, i == 0 && PrependScheme != PrependScheme.Never ? "" : " ", StringComparison.Ordinal);
    }
}
