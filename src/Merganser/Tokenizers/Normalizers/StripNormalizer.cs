namespace Merganser.Tokenizers;

/// <summary>Removes white space at the ends.</summary>
public sealed class StripNormalizer : Normalizer
{
    /// <summary>Whether the beginning is stripped; default true.</summary>
    public bool StripLeft { get; init; } = true;

    /// <summary>Whether the end is stripped; default true.</summary>
    public bool StripRight { get; init; } = true;

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text) => throw new NotSupportedException();
}
