namespace Merganser.Tokenizers;

/// <summary>Replaces every match of a pattern in each token.</summary>
public sealed class ReplaceDecoder : TokenDecoder
{
    /// <summary>What is replaced.</summary>
    public required SplitPattern Pattern { get; init; }

    /// <summary>What is put in its place, taken literally.</summary>
    public required string Content { get; init; }

    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        if (!Pattern.IsRegex)
        {
            for (int i = 0; i < tokens.Count && Pattern.Text.Length > 0; i++)
                tokens[i] = tokens[i].Replace(Pattern.Text, Content, StringComparison.Ordinal);
            return;
        }

        // A regular expression replaces as the normalizer of the same name does.
        var normalizer = new ReplaceNormalizer { Pattern = Pattern, Content = Content };
        var text = new NormalizedText();
        for (int i = 0; i < tokens.Count; i++)
        {
            text.Reset(System.Text.Encoding.UTF8.GetBytes(tokens[i]), 0, tracksOffsets: false);
            normalizer.Normalize(text);
            tokens[i] = System.Text.Encoding.UTF8.GetString(text.Bytes);
        }
    }
}
