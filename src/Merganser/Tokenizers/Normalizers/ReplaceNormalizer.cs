namespace Merganser.Tokenizers;

/// <summary>Replaces every match of a pattern.</summary>
public sealed class ReplaceNormalizer : Normalizer
{
    /// <summary>What is replaced.</summary>
    public required SplitPattern Pattern { get; init; }

    /// <summary>What is put in its place, taken literally.</summary>
    public required string Content { get; init; }

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text) => throw new NotSupportedException();
}
