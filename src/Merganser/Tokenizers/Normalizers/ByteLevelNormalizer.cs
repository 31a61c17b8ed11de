namespace Merganser.Tokenizers;

/// <summary>Writes every byte as its character of the byte-level alphabet.</summary>
public sealed class ByteLevelNormalizer : Normalizer
{
    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length == 0)
            return;
        text.BeginEdit();
        ByteLevelRewriter.Append(text.Aligned, 0, text.Length, text.Target);
        text.EndEdit();
    }
}
