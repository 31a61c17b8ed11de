namespace Merganser.Tokenizers;

/// <summary>A Unicode normal form (UAX #15), version 16.0.</summary>
public sealed class UnicodeNormalizer : Normalizer
{
    /// <summary>The form.</summary>
    public required UnicodeForm Form { get; init; }

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        UnicodeForms.Normalize(text, Form);
    }
}
