namespace Merganser.Tokenizers;

/// <summary>Puts a text before every piece that is not empty.</summary>
public sealed class PrependNormalizer : Normalizer
{
    /// <summary>What is put before the text.</summary>
    public required string Prepend { get; init; }

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text) => throw new NotSupportedException();
}
