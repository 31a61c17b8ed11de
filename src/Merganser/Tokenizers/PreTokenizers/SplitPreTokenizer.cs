namespace Merganser.Tokenizers;

/// <summary>Splits at the matches of a pattern.</summary>
public sealed class SplitPreTokenizer : PreTokenizer
{
    /// <summary>What is searched for.</summary>
    public required SplitPattern Pattern { get; init; }

    /// <summary>What becomes of the matches.</summary>
    public required SplitBehavior Behavior { get; init; }

    /// <summary>Swaps matches and gaps; default false.</summary>
    public bool Invert { get; init; }

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Pattern.Split(text, Behavior, Invert);
    }
}
