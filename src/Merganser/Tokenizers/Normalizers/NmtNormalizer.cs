namespace Merganser.Tokenizers;

/// <summary>Drops control characters and turns unusual white space into spaces, as neural machine translation models do.</summary>
public sealed class NmtNormalizer : Normalizer
{
    /// <inheritdoc/>
    public override void Normalize(NormalizedText text) => throw new NotSupportedException();
}
