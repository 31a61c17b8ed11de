namespace Merganser.Tokenizers;

/// <summary>The cleaning of BERT: control characters, white space, spaces around CJK ideographs, accents and case.</summary>
public sealed class BertNormalizer : Normalizer
{
    /// <summary>Drops control characters and turns all white space into spaces; default true.</summary>
    public bool CleanText { get; init; } = true;

    /// <summary>Puts spaces around CJK ideographs; default true.</summary>
    public bool HandleChineseChars { get; init; } = true;

    /// <summary>Drops accents; null (default) does as <see cref="Lowercase"/> says.</summary>
    public bool? StripAccents { get; init; }

    /// <summary>Lower-cases; default true.</summary>
    public bool Lowercase { get; init; } = true;

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text) => throw new NotSupportedException();
}
