namespace Merganser.Tokenizers;

/// <summary>Writes every byte as its character of the byte-level alphabet.</summary>
public sealed class ByteLevelNormalizer : Normalizer
{
    /// <inheritdoc/>
    public override void Normalize(NormalizedText text) => throw new NotSupportedException();
}
