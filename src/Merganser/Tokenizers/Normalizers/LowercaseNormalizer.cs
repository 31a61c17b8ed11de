namespace Merganser.Tokenizers;

/// <summary>Full Unicode lower case without context: U+0130 becomes i and U+0307.</summary>
public sealed class LowercaseNormalizer : Normalizer
{
    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        LowerCase.Apply(text);
    }
}
