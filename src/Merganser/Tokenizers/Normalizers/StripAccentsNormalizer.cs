namespace Merganser.Tokenizers;

/// <summary>Drops all marks (categories Mn, Mc, Me) without decomposing first.</summary>
public sealed class StripAccentsNormalizer : Normalizer
{
    /// <inheritdoc/>
    public override void Normalize(NormalizedText text) => throw new NotSupportedException();
}
